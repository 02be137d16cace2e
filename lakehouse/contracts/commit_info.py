"""What the bronze writer states with each of its commits: the ``userMetadata`` of the Delta commit, as JSON.

Start offsets after a restart, the cursor of a cycle and ``complete_through`` are all read from here, and nowhere else,
because it is written in the same atomic step as the rows.
"""

import msgspec

from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.topics import EVENTS


class PartitionRange(msgspec.Struct, frozen=True):
    """Offsets of one partition that a commit has consumed: ``start`` included, ``end`` not."""

    start: int
    end: int


class EdgeWatermarks(msgspec.Struct, frozen=True):
    """The newest :class:`~lakehouse.contracts.records.Watermark` of an incarnation (microseconds), on each partition on
    which this commit read one."""

    edge: str
    incarnation: str
    marks: dict[int, int]

    @property
    def least(self) -> int:
        """Of all partitions; one that has not marked them all has marked nothing."""
        return min(self.marks.values()) if len(self.marks) == EVENTS.partitions else 0


SegmentRanges = dict[str, list[tuple[int, int]]]
"""Segments: by incarnation, ranges of their numbers, first and last included."""

SequenceRanges = dict[str, list[tuple[int, int]]]
"""Positions: by incarnation, ranges of sequences, first and last included."""


class BronzeCommit(msgspec.Struct, frozen=True):
    """One append of the bronze writer.

    ``offsets`` maps topic to partition to range. ``rows`` counts bronze rows, ``quarantined`` rows of the same batch.
    ``segments`` are those whose raw files the commit holds, all of each, and ``sequences`` what these files held; both
    are empty where the rows came from Kafka. A segment's name does not stand for all that was accepted into it: a disk
    may have lost a part that Kafka has. Up to version 0.1.0 there was no ``sequences``.
    """

    generation: GenerationNumber
    epoch: int
    batch: int
    offsets: dict[str, dict[int, PartitionRange]]
    marks: list[EdgeWatermarks]
    rows: int
    quarantined: int
    segments: SegmentRanges = {}
    sequences: SequenceRanges = {}
