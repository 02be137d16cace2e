"""Sets of segments as ranges: nothing more in them, nothing less, and the same to Spark."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from streaming.segment_ranges import holds, is_among, ranges_of, union

SEGMENTS = st.sets(st.tuples(st.sampled_from(["ab", "cd", "0"]), st.integers(0, 12)).map(lambda p: f"{p[0]}-{p[1]}"))
ALL = [f"{incarnation}-{number}" for incarnation in ("ab", "cd", "0", "zz") for number in range(14)]


@given(SEGMENTS)
def test_ranges_hold_these_segments_and_no_other(segments: set[str]) -> None:
    ranges = ranges_of(segments)
    assert {segment for segment in ALL if holds(ranges, segment)} == segments


@given(SEGMENTS)
def test_ranges_are_as_few_as_can_be(segments: set[str]) -> None:
    for bounds in ranges_of(segments).values():
        assert all(after[0] > before[1] + 1 for before, after in pairwise(bounds))


@given(SEGMENTS, SEGMENTS)
def test_a_union_holds_what_either_holds(one: set[str], other: set[str]) -> None:
    assert union([ranges_of(one), ranges_of(other)]) == ranges_of(one | other)


def test_spark_sees_the_same_set(spark: SparkSession) -> None:
    chosen = {"ab-0", "ab-1", "ab-7", "cd-13", "0-5"}
    odd = ["", "ab", "ab-", "ab-x", "-1", "zz-99999999999999999999", None]
    rows = spark.createDataFrame([(name,) for name in [*ALL, *odd]], "segment string")
    found = rows.where(is_among(ranges_of(chosen), f.col("segment"))).collect()
    assert {row["segment"] for row in found} == chosen
    assert rows.where(is_among({}, f.col("segment"))).count() == 0
