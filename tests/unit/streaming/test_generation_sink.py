"""A query that begins before a generation's own start gives it what it lacks, and nothing that it has."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from streaming.generation_sink import not_before
from streaming.offsets import earliest

PLACES = [("events", 0), ("events", 1), ("rejected", 0)]
RECORDS = [(topic, partition, offset) for topic, partition in PLACES for offset in range(8)]


def offsets_of(ends: list[int]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for (topic, partition), end in zip(PLACES, ends, strict=True):
        found.setdefault(topic, {})[partition] = end
    return found


STARTS = st.lists(st.integers(0, 8), min_size=3, max_size=3).map(offsets_of)


@given(STARTS, STARTS)
@settings(max_examples=12)
def test_each_gets_what_lies_at_its_start_or_behind_it(
    spark: SparkSession, ours: dict[str, dict[int, int]], theirs: dict[str, dict[int, int]]
) -> None:
    read_from = earliest([ours, theirs])
    read = [record for record in RECORDS if record[2] >= read_from[record[0]][record[1]]]
    batch = spark.createDataFrame(read, "topic string, partition int, offset bigint")
    for start in (ours, theirs):
        ahead = not_before(start, read_from)
        found = batch if ahead is None else batch.where(ahead)
        wanted = {record for record in RECORDS if record[2] >= start[record[0]][record[1]]}
        assert {(row.topic, row.partition, row.offset) for row in found.collect()} == wanted


def test_who_starts_where_the_query_does_filters_nothing() -> None:
    start = offsets_of([3, 4, 5])
    assert not_before(start, start) is None
