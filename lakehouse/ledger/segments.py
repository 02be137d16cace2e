"""Which segment a sequence belongs to, as far as any stage has seen it.

In: the runs of all stages. Out: positions with their names. A sequence that no stage has seen is named by its
incarnation alone.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from lakehouse.ledger.accepted import by_stream
from lakehouse.ledger.model import Discrepancy, Evidence, Stage, Stream
from lakehouse.ledger.spans import Span, Spans


class Segments:
    """Names positions."""

    def __init__(self, evidence: Evidence) -> None:
        self._bounds = {
            stream: _bounds((run.segment, run.span) for run in runs)
            for stream, runs in by_stream(evidence.runs(*Stage)).items()
        }

    def name(self, stream: Stream, hour: int, found: Iterable[tuple[str, Spans]]) -> list[Discrepancy]:
        """One entry for each segment's part of each span."""
        return [
            Discrepancy(hour, stream.edge, segment, start, end - 1, stage)
            for stage, spans in found
            for span in spans
            for segment, (start, end) in self._cut(stream, span)
        ]

    def _cut(self, stream: Stream, span: Span) -> Iterator[tuple[str, Span]]:
        """Cuts a span where segments begin and end."""
        start, end = span
        bounds = self._bounds.get(stream, [])
        at = max(0, bisect_right(bounds, start, key=lambda bound: bound[0]) - 1)
        for first, stop, segment in bounds[at:]:
            if first >= end:
                break
            if start < min(first, end):
                yield stream.incarnation, (start, first)
                start = first
            if start < stop:
                yield segment, (start, min(stop, end))
                start = min(stop, end)
        if start < end:
            yield stream.incarnation, (start, end)


def _bounds(seen: Iterable[tuple[str, Span]]) -> list[tuple[int, int, str]]:
    """What has been seen of each segment, from its least sequence to its greatest, in order."""
    known: dict[str, Span] = {}
    for segment, (start, end) in seen:
        before = known.get(segment, (start, end))
        known[segment] = (min(start, before[0]), max(end, before[1]))
    return sorted((start, end, segment) for segment, (start, end) in known.items())
