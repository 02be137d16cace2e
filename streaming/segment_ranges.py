"""Which segments a bronze generation has from raw files: sets of segment ids, kept as ranges. Pure.

In: segment ids (``<incarnation>-<number>``). Out: ranges by incarnation, few even after years, because the numbers of
an incarnation run on; and the same set as a condition on a column.
"""

import json
from collections.abc import Iterable

from pyspark.sql import Column
from pyspark.sql import functions as f

from lakehouse.contracts.commit_info import SegmentRanges

_TYPE = "map<string, array<struct<first: bigint, last: bigint>>>"


def ranges_of(segments: Iterable[str]) -> SegmentRanges:
    """The least number of ranges that hold these segments and no other."""
    return union({incarnation: [(number, number)]} for incarnation, number in map(_parts, segments))


def union(sets: Iterable[SegmentRanges]) -> SegmentRanges:
    """All segments of all sets."""
    found: dict[str, list[tuple[int, int]]] = {}
    for ranges in sets:
        for incarnation, bounds in ranges.items():
            found.setdefault(incarnation, []).extend(bounds)
    return {incarnation: _joined(bounds) for incarnation, bounds in sorted(found.items())}


def holds(ranges: SegmentRanges, segment: str) -> bool:
    incarnation, number = _parts(segment)
    return any(first <= number <= last for first, last in ranges.get(incarnation, ()))


def is_among(ranges: SegmentRanges, segment: Column) -> Column:
    """Whether the segment of a row is in the set; false where it names none. One literal, however large the set."""
    if not ranges:
        return f.lit(False)
    entries = {
        incarnation: [{"first": first, "last": last} for first, last in bounds]
        for incarnation, bounds in ranges.items()
    }
    known = f.from_json(f.lit(json.dumps(entries)), _TYPE)
    number = f.substring_index(segment, "-", -1).try_cast("bigint")
    bounds = f.element_at(known, f.substring_index(segment, "-", 1))
    return f.coalesce(f.exists(bounds, lambda found: number.between(found["first"], found["last"])), f.lit(False))


def _parts(segment: str) -> tuple[str, int]:
    incarnation, _, number = segment.partition("-")
    return incarnation, int(number)


def _joined(bounds: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(bounds):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
