"""However large a backlog is, a commit is bounded, and nothing is left out or taken twice."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.contracts.commit_info import PartitionRange
from streaming.batch_parts import Length, cut, parts
from streaming.kafka_source import Ranges

MOST = 100
LENGTHS = st.lists(
    st.builds(
        Length, st.sampled_from(["events", "rejected"]), st.integers(0, 2), st.integers(0, 40), st.integers(0, 150)
    ),
    unique_by=lambda one: one[:3],
)


def held(lengths: list[Length], ranges: Ranges) -> list[Length]:
    return [one for one in lengths if one[:2] in ranges and one.offset in span(ranges[one[:2]])]


def span(found: PartitionRange) -> range:
    return range(found.start, found.end)


@given(LENGTHS)
def test_each_record_is_in_one_part_of_bounded_size_and_in_order(lengths: list[Length]) -> None:
    found = [held(lengths, ranges) for ranges in cut(lengths, MOST)]
    assert Counter(one for part in found for one in part) == Counter(lengths)
    assert all(len(part) == 1 or sum(one.bytes for one in part) <= MOST for part in found)
    seen = defaultdict[tuple[str, int], list[int]](list)
    for ranges in cut(lengths, MOST):
        for place, range_ in ranges.items():
            assert range_.start < range_.end
            seen[place] += [range_.start, range_.end]
    assert all(offsets == sorted(offsets) for offsets in seen.values())


def test_partitions_advance_side_by_side() -> None:
    lengths = [Length("events", partition, offset, 10) for partition in range(4) for offset in range(20)]
    assert all(len(ranges) == 4 for ranges in cut(lengths, MOST))


def test_a_small_batch_is_taken_as_it_is_and_a_large_one_is_read_in_ranges(spark: SparkSession) -> None:
    values = [None, *[bytearray(b"x" * 30)] * 5]
    rows = [("events", partition, offset, value) for partition in (0, 1) for offset, value in enumerate(values)]
    batch = spark.createDataFrame(rows, "topic string, partition int, offset bigint, value binary").coalesce(1)

    def read(ranges: Ranges) -> DataFrame:
        condition = f.lit(False)
        for (_, partition), range_ in ranges.items():
            here = (f.col("partition") == partition) & f.col("offset").between(range_.start, range_.end - 1)
            condition = condition | here
        return batch.where(condition)

    assert list(parts(batch, read, most=300)) == [batch]
    counts = [part.count() for part in parts(batch, read, most=100)]
    assert sum(counts) == len(rows)
    assert len(counts) == 4
