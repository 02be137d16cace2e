"""Sums up a micro-batch: what goes into its commit.

In: the rows of ``split_events.summary``. Out: the offsets of each partition, the newest watermarks, and counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import Row

from lakehouse.contracts.commit_info import EdgeWatermarks, PartitionRange


@dataclass(frozen=True)
class BatchSummary:
    """``read`` has the offsets of each partition that brought something, from the first read to past the last.

    Lines of raw files have no offsets, and are not in it.
    """

    read: dict[tuple[str, int], PartitionRange]
    marks: list[EdgeWatermarks]
    rows: int
    quarantined: int

    @classmethod
    def nothing(cls) -> "BatchSummary":
        return cls({}, [], 0, 0)


def summarize(summary: Iterable[Row]) -> BatchSummary:
    """Adds up the rows of a summary."""
    read: dict[tuple[str, int], PartitionRange] = {}
    marks: dict[tuple[str, str], dict[int, int]] = {}
    rows = quarantined = 0
    for row in summary:
        if row["first"] is not None:
            place = (row["topic"], row["partition"])
            read[place] = _joined(read.get(place), PartitionRange(row["first"], row["last"] + 1))
        rows += row["rows"]
        quarantined += row["quarantined"]
        if row["mark"] is not None:
            marks.setdefault((row["edge"], row["incarnation"]), {})[row["partition"]] = row["mark"]
    found = [EdgeWatermarks(edge, incarnation, by) for (edge, incarnation), by in sorted(marks.items())]
    return BatchSummary(read, found, rows, quarantined)


def _joined(one: PartitionRange | None, other: PartitionRange) -> PartitionRange:
    if one is None:
        return other
    return PartitionRange(min(one.start, other.start), max(one.end, other.end))
