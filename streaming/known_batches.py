"""Which batches a bronze generation has from raw files: sets of segments and of sequences, kept as ranges. Pure.

In: the manifests of raw files. Out: ranges by incarnation, few even after years, because the numbers and sequences of
an incarnation run on; and the same set as a condition on the columns of a batch. A batch is a whole line: it is known
if its first sequence is.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from pyspark.sql import Column
from pyspark.sql import functions as f

from lakehouse.contracts.commit_info import BronzeCommit, SegmentRanges, SequenceRanges
from lakehouse.contracts.records import RawManifest, incarnation_of
from lakehouse.releases.generations import Streamed

Ranges = dict[str, list[tuple[int, int]]]
_TYPE = "map<string, array<struct<first: bigint, last: bigint>>>"


@dataclass(frozen=True)
class Known:
    """Batches of these raw files, by ``sequences``. Where an edition up to 0.1.0 has taken a file, nobody has noted
    what it held: then all that names one of the ``segments`` is taken for known, as it was then."""

    segments: SegmentRanges = field(default_factory=dict)
    sequences: SequenceRanges = field(default_factory=dict)

    def __or__(self, other: "Known") -> "Known":
        return known_of([self, other])

    def holds_file(self, segment: str) -> bool:
        """Whether the raw file of that segment is in."""
        incarnation, number = _parts(segment)
        return any(first <= number <= last for first, last in self.segments.get(incarnation, ()))

    def holds(self, manifest: RawManifest) -> bool:
        """Whether all sequences of a raw file are in."""
        held = self.sequences.get(incarnation_of(manifest.segment), ())
        return all(any(first <= start and end <= last for first, last in held) for start, end in manifest.held)

    def is_known(self, segment: Column, first: Column) -> Column:
        """Whether a batch is in the set; false where a column names none. One literal, however large the set."""
        incarnation = f.substring_index(segment, "-", 1)
        if self.sequences:
            return _is_among(self.sequences, incarnation, first)
        return _is_among(self.segments, incarnation, f.substring_index(segment, "-", -1).try_cast("bigint"))


NOTHING = Known()


def known_of(said: Iterable[BronzeCommit | Streamed | Known]) -> Known:
    """What commits, or the ends of builds, say of raw files."""
    each = list(said)
    noted = all(one.sequences or not one.segments for one in each)
    return Known(union(one.segments for one in each), union(one.sequences for one in each) if noted else {})


def held_by(manifests: Iterable[RawManifest]) -> Known:
    """What raw files hold."""
    found = list(manifests)
    segments = [_parts(each.segment) for each in found if not each.from_bronze]  # its segment may have another file
    return Known(
        union({incarnation: [(number, number)]} for incarnation, number in segments),
        union({incarnation_of(each.segment): each.held} for each in found),
    )


def union(sets: Iterable[Ranges]) -> Ranges:
    """All numbers of all sets, in the least number of ranges."""
    found: Ranges = {}
    for ranges in sets:
        for incarnation, bounds in ranges.items():
            found.setdefault(incarnation, []).extend(bounds)
    return {incarnation: _joined(bounds) for incarnation, bounds in sorted(found.items())}


def _is_among(ranges: Ranges, incarnation: Column, number: Column) -> Column:
    if not ranges:
        return f.lit(False)
    entries = {name: [{"first": first, "last": last} for first, last in bounds] for name, bounds in ranges.items()}
    bounds = f.element_at(f.from_json(f.lit(json.dumps(entries)), _TYPE), incarnation)
    return f.coalesce(f.exists(bounds, lambda found: number.between(found["first"], found["last"])), f.lit(False))

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
