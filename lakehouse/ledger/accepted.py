"""What has been accepted, by hour.

In: edge ledgers and what the stages have seen. Out: for each incarnation the spans of its sequences by acceptance
hour. The stamps of an incarnation never go back, so the counts by hour, added up, give the spans; and a sequence has no
gap, so what lies before a position that was seen was accepted as well.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from lakehouse.ledger import spans
from lakehouse.ledger.model import COUNTED, Evidence, Run, Stage, Stream, parse_hour
from lakehouse.ledger.spans import Spans

Hours = dict[int, Spans]


def accepted_hours(evidence: Evidence) -> dict[Stream, Hours]:
    """Spans by incarnation and hour.

    A ledger is some seconds old, so what the stages have seen beyond it was accepted too; so was what is booked as
    lost, or as absent from raw files.
    """
    ledgers = {Stream(ledger.edge, ledger.incarnation): ledger for ledger in evidence.ledgers}
    found = {stream: ledger_hours(ledger.hours) for stream, ledger in ledgers.items()}
    for stream, runs in by_stream((*evidence.runs(*Stage), *evidence.lost, *evidence.raw_gaps)).items():
        hours = found.setdefault(stream, {})
        reached = ledgers[stream].next if stream in ledgers else 0
        known: Spans = [(0, reached)] if reached else []
        for run in (run for run in runs if run.last >= reached):
            for ahead in spans.subtract([run.span], known):
                hours[run.hour] = spans.merge([*hours.get(run.hour, []), ahead])
                known = spans.merge([*known, ahead])
        found[stream] = whole_hours(hours)
    return found


def whole_hours(hours: Hours) -> Hours:
    """With the holes filled: stamps never go back, so what lies before a position was accepted at the latest in its
    hour."""
    found: Hours = {}
    rest = spans.subtract([(0, max((end for held in hours.values() for _, end in held), default=0))], _all(hours))
    for hour, held in sorted(hours.items()):
        before = [(0, max(end for _, end in held))]
        found[hour] = spans.merge([*held, *spans.intersect(rest, before)])
        rest = spans.subtract(rest, before)
    return found


def _all(hours: Hours) -> Spans:
    return spans.merge(span for held in hours.values() for span in held)


def ledger_hours(counts: Mapping[str, int], held: Spans | None = None) -> Hours:
    """Counts by hour to spans: cut from ``held``, in order, or from all sequences beginning with 0."""
    hours: Hours = {}
    rest = held if held is not None else [(0, sum(counts.values()))]
    for text, count in sorted(counts.items()):
        taken, rest = spans.split(rest, count)
        if taken:
            hours[parse_hour(text)] = taken
    return hours


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
