"""Cuts a micro-batch into parts of bounded size, so that no commit is larger, whatever the backlog and the records.

In: a micro-batch, of which Spark bounds only the number of records; one may be a line or a frame of 2 MiB. Out: the
batch itself if it is small, else its offsets in ranges, each read by itself. Promise: each record is in one part, those
of a partition in their order; a part has at most :data:`MOST_BYTES`, unless one record alone has more.

The lengths are asked for in a read of its own, which parses nothing. A large batch is not filtered but read anew, range
by range, so that what a part costs does not grow with the batch.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.contracts.commit_info import PartitionRange
from streaming.kafka_source import Ranges

MOST_BYTES = 128 << 20
"""Of lines: some 300,000 events of the usual size, and under a million of the smallest."""


class Length(NamedTuple):
    """A record and the bytes of its value."""

    topic: str
    partition: int
    offset: int
    bytes: int


def parts(batch: DataFrame, read: Callable[[Ranges], DataFrame], most: int = MOST_BYTES) -> Iterator[DataFrame]:
    """The parts, to be written one after the other. ``read`` brings the records of ranges."""
    length = f.coalesce(f.length("value"), f.lit(0))
    lengths = [Length(*row) for row in batch.select("topic", "partition", "offset", length).collect()]
    if sum(one.bytes for one in lengths) <= most:
        yield batch
    else:
        yield from map(read, cut(lengths, most))


def cut(lengths: Iterable[Length], most: int) -> Iterator[Ranges]:
    """Ranges of at most so many bytes. All partitions advance side by side."""
    places = [
        (number, length)
        for _, group in groupby(sorted(lengths), key=lambda one: one[:2])
        for number, length in enumerate(group)
    ]
    ranges: Ranges = {}
    held = 0
    for _, one in sorted(places):
        if ranges and held + one.bytes > most:
            yield ranges
            ranges, held = {}, 0
        start = ranges.get(one[:2], PartitionRange(one.offset, one.offset)).start
        ranges[one[:2]] = PartitionRange(start, one.offset + 1)
        held += one.bytes
    if ranges:
        yield ranges
