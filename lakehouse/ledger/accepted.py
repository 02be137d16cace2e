"""What has been accepted, by hour, and up to when it can be judged.

In: edge ledgers and what the stages have seen. Out: for each incarnation the spans of its sequences by acceptance
hour. The stamps of an incarnation never go back, so the counts by hour, added up, give the spans.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lakehouse.ledger import spans
from lakehouse.ledger.model import COUNTED, MICROSECONDS_PER_HOUR, Evidence, Run, Stage, Stream, parse_hour
from lakehouse.ledger.spans import Spans

Hours = dict[int, Spans]


@dataclass(frozen=True)
class LedgerWatermark:
    """Up to where the ledger judges: hours that end at or before ``instant`` (microseconds); None: no hour yet.

    ``held_back_by`` names what it waits for, if not the release itself.
    """

    instant: int | None
    held_back_by: tuple[str, ...] = ()

    def judges(self, hour: int) -> bool:
        return self.instant is not None and (hour + 1) * MICROSECONDS_PER_HOUR <= self.instant


def accepted_hours(evidence: Evidence) -> dict[Stream, Hours]:
    """Spans by incarnation and hour.

    A ledger is some seconds old, so what the stages have seen beyond it was accepted too; so was what is booked as
    lost.
    """
    ledgers = {Stream(ledger.edge, ledger.incarnation): ledger for ledger in evidence.ledgers}
    found = {stream: ledger_hours(ledger.hours) for stream, ledger in ledgers.items()}
    for stream, runs in by_stream((*evidence.runs(*Stage), *evidence.lost)).items():
        hours = found.setdefault(stream, {})
        reached = ledgers[stream].next if stream in ledgers else 0
        known: Spans = [(0, reached)] if reached else []
        for run in (run for run in runs if run.last >= reached):
            for ahead in spans.subtract([run.span], known):
                hours[run.hour] = spans.merge([*hours.get(run.hour, []), ahead])
                known = spans.merge([*known, ahead])
    return found


def ledger_hours(counts: Mapping[str, int], held: Spans | None = None) -> Hours:
    """Counts by hour to spans: cut from ``held``, in order, or from all sequences beginning with 0."""
    hours: Hours = {}
    rest = held if held is not None else [(0, sum(counts.values()))]
    for text, count in sorted(counts.items()):
        taken, rest = spans.split(rest, count)
        if taken:
            hours[parse_hour(text)] = taken
    return hours


def watermark(evidence: Evidence) -> LedgerWatermark:
    """The least of the release's ``complete_through`` and of what the edges still owe to the raw files."""
    if evidence.complete_through is None:
        return LedgerWatermark(None)
    owed = dict(_owed(evidence))
    instant = min([evidence.complete_through, *owed.values()])
    return LedgerWatermark(instant, tuple(sorted(name for name, mark in owed.items() if mark == instant)))


def _owed(evidence: Evidence) -> Iterator[tuple[str, int]]:
    """Incarnations that hold the judgement back, and at which instant.

    An incarnation whose events are all in raw files, or booked as lost or as absent there, owes nothing, however old
    its ledger is; one that has no ledger yet owes everything from its first hour on.
    """
    seen = by_stream(evidence.runs(*Stage))
    raw = by_stream((*evidence.runs(Stage.RAW), *evidence.lost, *evidence.raw_gaps))
    ledgers = {Stream(ledger.edge, ledger.incarnation): ledger for ledger in evidence.ledgers}
    for stream in ledgers.keys() | seen.keys():
        ledger, runs = ledgers.get(stream), seen.get(stream, [])
        stated = max(ledger.next if ledger else -1, evidence.retired.get(stream, -1))
        if not (ledger and ledger.closed) and not _shipped(stated, runs, raw.get(stream, [])):
            first = min((run.hour for run in runs), default=0) * MICROSECONDS_PER_HOUR
            yield "/".join(stream), ledger.raw_mark if ledger else first


def _shipped(stated: int, seen: list[Run], raw: list[Run]) -> bool:
    """Whether all is in raw files of an incarnation that has stated that it accepted so many; -1 for not a word."""
    if stated < 0 or any(run.last >= stated for run in seen):
        return False
    everything = [(0, stated)] if stated else []
    return not spans.subtract(everything, spans.merge(run.span for run in raw))


def given_up(evidence: Evidence) -> dict[Stream, Spans]:
    """What is booked as lost and has not been counted after all."""
    counted = by_stream(evidence.runs(*COUNTED))
    return {
        stream: spans.subtract(
            spans.merge(run.span for run in runs), spans.merge(run.span for run in counted.get(stream, ()))
        )
        for stream, runs in by_stream(evidence.lost).items()
    }


def by_stream(runs: Iterable[Run]) -> dict[Stream, list[Run]]:
    """Runs of each incarnation."""
    found: dict[Stream, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.stream].append(run)
    return found
