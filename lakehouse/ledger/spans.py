"""Sets of sequence numbers as sorted, disjoint, half-open spans. Pure, and as large as the gaps are many.

In and out: lists of ``(start, end)`` with ``start < end``. ``merge`` makes one from spans in any order.
"""

from collections.abc import Iterable

Span = tuple[int, int]
Spans = list[Span]


def merge(spans: Iterable[Span]) -> Spans:
    """The union."""
    merged: Spans = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def size(spans: Spans) -> int:
    return sum(end - start for start, end in spans)


def split(spans: Spans, count: int) -> tuple[Spans, Spans]:
    """The first ``count`` of what is held, and the rest; ``spans`` must be merged."""
    taken: Spans = []
    for index, (start, end) in enumerate(spans):
        cut = min(end, start + count)
        if start < cut:
            taken.append((start, cut))
        count -= cut - start
        if cut < end:
            return taken, [(cut, end), *spans[index + 1 :]]
    return taken, []


def intersect(left: Spans, right: Spans) -> Spans:
    """What both hold; both must be merged."""
    common: Spans = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            common.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return common


def subtract(left: Spans, right: Spans) -> Spans:
    """What ``left`` holds and ``right`` does not; both must be merged."""
    rest: Spans = []
    j = 0
    for start, end in left:
        while j < len(right) and right[j][1] <= start:
            j += 1
        k = j
        while k < len(right) and right[k][0] < end:
            if start < right[k][0]:
                rest.append((start, right[k][0]))
            start = max(start, right[k][1])
            k += 1
        if start < end:
            rest.append((start, end))
    return rest


def repeated(spans: Iterable[Span]) -> Spans:
    """What is held more than once."""
    twice: Spans = []
    reached: int | None = None
    for start, end in sorted(spans):
        if reached is not None and start < reached:
            twice.append((start, min(end, reached)))
        reached = end if reached is None else max(reached, end)
    return merge(twice)
