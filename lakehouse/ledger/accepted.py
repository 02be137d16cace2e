"""What has been accepted, by hour, and up to when it can be judged.

In: edge ledgers and what the stages have seen. Out: for each incarnation the spans of its sequences by acceptance
hour. The stamps of an incarnation never go back, so the counts by hour, added up, give the spans.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lakehouse.contracts.records import EdgeLedger
from lakehouse.ledger import spans
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Evidence, Run, Stage, Stream, parse_hour
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

    A ledger is some seconds old, so what the stages have seen beyond it was accepted too.
    """
    ledgers = {Stream(ledger.edge, ledger.incarnation): ledger for ledger in evidence.ledgers}
    found = {stream: ledger_hours(ledger.hours) for stream, ledger in ledgers.items()}
    for stream, runs in by_stream(evidence.runs(*Stage)).items():
        hours = found.setdefault(stream, {})
        reached = ledgers[stream].next if stream in ledgers else 0
        known: Spans = [(0, reached)] if reached else []
        for run in (run for run in runs if run.last >= reached):
            for ahead in spans.subtract([run.span], known):
                hours[run.hour] = spans.merge([*hours.get(run.hour, []), ahead])
                known = spans.merge([*known, ahead])
    return found


def ledger_hours(counts: Mapping[str, int], first: int = 0) -> Hours:
    """Counts by hour to spans, beginning with the sequence ``first``."""
    hours: Hours = {}
    for text, count in sorted(counts.items()):
        if count:
            hours[parse_hour(text)] = [(first, first + count)]
        first += count
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

    An incarnation whose events are all in raw files owes nothing, however old its ledger is; one that has no ledger
    yet owes everything from its first hour on.
    """
    seen = by_stream(evidence.runs(*Stage))
    raw = by_stream(evidence.runs(Stage.RAW))
    ledgers = {Stream(ledger.edge, ledger.incarnation): ledger for ledger in evidence.ledgers}
    for stream, ledger in ledgers.items():
        if not ledger.closed and not _shipped(ledger, seen.get(stream, []), raw.get(stream, [])):
            yield "/".join(stream), ledger.raw_mark
    for stream in seen.keys() - ledgers.keys():
        yield "/".join(stream), min(run.hour for run in seen[stream]) * MICROSECONDS_PER_HOUR


def _shipped(ledger: EdgeLedger, seen: list[Run], raw: list[Run]) -> bool:
    if any(run.last >= ledger.next for run in seen):
        return False
    everything = [(0, ledger.next)] if ledger.next else []
    return not spans.subtract(everything, spans.merge(run.span for run in raw))


def by_stream(runs: Iterable[Run]) -> dict[Stream, list[Run]]:
    """Runs of each incarnation."""
    found: dict[Stream, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.stream].append(run)
    return found
