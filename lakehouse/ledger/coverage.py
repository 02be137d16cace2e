"""How far each incarnation's own word reaches: up to when is it known what it accepted, and up to when in raw files.

In: :class:`Evidence`. Out: a :class:`Word` for each incarnation, and the instant before which all can be judged.
Promise: one that is dead, without a ledger or unreadable vouches for nothing after its last word; no other is changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from lakehouse import instants
from lakehouse.contracts.records import CLOSED_MARK, EdgeLedger
from lakehouse.ledger import spans
from lakehouse.ledger.accepted import Hours, accepted_hours, by_stream
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Doubt, Evidence, Run, Stage, Stream, Unread, hour_of

ALWAYS = CLOSED_MARK
"""It has accepted its last event, or has been given up: what is known of it is all."""
NOBODY = "?"
"""In place of an edge or incarnation that only its unreadable document knows."""


@dataclass(frozen=True)
class Word:
    """All that was accepted before ``through`` is known, and before ``shipped`` is in raw files or in gaps that are
    named; after that, ``reason`` says why not."""

    through: int
    shipped: int
    reason: Doubt
    detail: str


@dataclass(frozen=True)
class LedgerWatermark:
    """Hours that end at or before ``instant`` (microseconds) are judged for all edges; None: no hour yet.

    ``held_back_by`` names the edges that reach no further, if it is not the release itself.
    """

    instant: int | None
    held_back_by: tuple[str, ...] = ()


def end_of(hour: int) -> int:
    """The instant at which an hour ends."""
    return (hour + 1) * MICROSECONDS_PER_HOUR


def watermark(evidence: Evidence) -> LedgerWatermark:
    """The least of the release's ``complete_through`` and of the edges' words."""
    return least(evidence, words_of(evidence, accepted_hours(evidence)))


def least(evidence: Evidence, words: Mapping[Stream, Word]) -> LedgerWatermark:
    """The same, of words that are known."""
    if evidence.complete_through is None:
        return LedgerWatermark(None)
    proved = evidence.proved_before * MICROSECONDS_PER_HOUR
    reached = {stream: max(proved, min(word.through, word.shipped)) for stream, word in words.items()}
    instant = min([evidence.complete_through, *reached.values()])
    behind = sorted("/".join(stream) for stream, mark in reached.items() if mark == instant)
    return LedgerWatermark(instant, tuple(behind) if instant < evidence.complete_through else ())


def words_of(evidence: Evidence, accepted: Mapping[Stream, Hours]) -> dict[Stream, Word]:
    """The word of each incarnation that anything knows of."""
    ledgers = {Stream(ledger.edge, ledger.incarnation): ledger for ledger in evidence.ledgers}
    raw = by_stream((*evidence.runs(Stage.RAW), *evidence.lost, *evidence.raw_gaps))
    seen = by_stream(evidence.runs(*Stage))
    first = first_hour(evidence, accepted)
    known = ledgers.keys() | accepted.keys() | evidence.retired.keys() | evidence.marks.keys()
    found = {}
    for stream in known:
        ledger, begun = ledgers.get(stream), _begun(seen.get(stream, []), first) * MICROSECONDS_PER_HOUR
        if unread := _in_the_way(evidence, stream):
            found[stream] = _nothing(begun, unread)
        elif _is_given_up(evidence, stream, ledger, seen.get(stream, [])):
            found[stream] = Word(ALWAYS, ALWAYS, Doubt.SILENT, "it is retired")
        elif ledger is None:
            # Of one that has delivered nothing, nothing is missing from before its watermark.
            heard = begun if stream in seen else max(begun, evidence.marks.get(stream, 0))
            found[stream] = Word(heard, heard, Doubt.NO_LEDGER, "it has never said how many events it accepted")
        else:
            found[stream] = _stated(ledger, raw.get(stream, []))
    return found | dict(_only_unread(evidence, known, first))


def _stated(ledger: EdgeLedger, raw: list[Run]) -> Word:
    """By its ledger. Of one whose events are all in raw files it does not matter that its ledger is old."""
    if ledger.closed:
        return Word(ALWAYS, ALWAYS, Doubt.SILENT, "it has closed")
    through = ALWAYS if ledger.ended else ledger.at
    everything = [(0, ledger.next)] if ledger.next else []
    is_shipped = not spans.subtract(everything, spans.merge(run.span for run in raw))
    said = f"its last ledger is of {instants.to_text(instants.from_micros(ledger.at))}"
    return Word(through, through if is_shipped else min(ledger.raw_mark, through), Doubt.SILENT, said)


def _is_given_up(evidence: Evidence, stream: Stream, ledger: EdgeLedger | None, seen: list[Run]) -> bool:
    """Whether an operator has retired it, and it has not come back since."""
    stated = evidence.retired.get(stream)
    if stated is None or (ledger is not None and ledger.next > stated):
        return False
    return all(run.last < stated for run in seen)


def _in_the_way(evidence: Evidence, stream: Stream) -> Unread | None:
    """The document without which nobody knows what it accepted, or what of it was given up."""
    for one in evidence.unread:
        if one.hours is None and one.concerns(stream) and not (one.is_ledger and stream in evidence.retired):
            return one
    return None


def _only_unread(evidence: Evidence, known: Set[Stream], first: int) -> Iterator[tuple[Stream, Word]]:
    """Incarnations of which there is nothing but a document that cannot be read."""
    for one in evidence.unread:
        if not any(one.concerns(stream) for stream in known):
            begun = (one.hours[0] if one.hours else first) * MICROSECONDS_PER_HOUR
            yield Stream(one.edge or NOBODY, one.incarnation or NOBODY), _nothing(begun, one)


def _nothing(begun: int, unread: Unread) -> Word:
    return Word(begun, begun, Doubt.UNREADABLE, unread.says)


def _begun(seen: Iterable[Run], first: int) -> int:
    """The hour since which it may have accepted events: that of its first, if it was seen, or else the first of all."""
    return next((run.hour for run in seen if run.first == 0), first)


def first_hour(evidence: Evidence, accepted: Mapping[Stream, Hours]) -> int:
    """Before which nothing is known of: no list of hours begins earlier, and each that is due has one hour at least."""
    limits = [one for one in (evidence.complete_through, evidence.heard_since) if one is not None]
    last_due = max(0, hour_of(min(limits, default=0)) - 1)
    return min((last_due, *(hour for hours in accepted.values() for hour in hours)))
