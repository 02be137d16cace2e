"""Sets of raw files and of what they hold: nothing more in them, nothing less, and the same to Spark."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.records import RawManifest
from streaming.known_batches import NOTHING, Known, held_by, known_of

INCARNATIONS = ("ab", "cd", "0")
FILES = st.sets(st.tuples(st.sampled_from(INCARNATIONS), st.integers(0, 12)))
ALL = [(incarnation, number) for incarnation in (*INCARNATIONS, "zz") for number in range(14)]


def manifest(file: tuple[str, int]) -> RawManifest:
    """A file of a hundred sequences, of which the disk has lost some in the middle."""
    incarnation, number = file
    first = 100 * number
    held = [(first, first + 40), (first + 50, first + 99)]
    return RawManifest("e", f"{incarnation}-{number}", first, first + 99, 91, 1, "", {}, 0, 0, ranges=held)


def known(files: set[tuple[str, int]]) -> Known:
    return held_by(manifest(file) for file in files)


@given(FILES)
def test_it_holds_these_files_and_no_other(files: set[tuple[str, int]]) -> None:
    found = known(files)
    assert {(name, number) for name, number in ALL if found.holds_file(f"{name}-{number}")} == files


@given(FILES)
def test_it_holds_their_sequences_in_as_few_ranges_as_can_be(files: set[tuple[str, int]]) -> None:
    found = known(files).sequences
    numbers = {(name, n) for name, bounds in found.items() for first, last in bounds for n in range(first, last + 1)}
    assert numbers == {
        (name, n)
        for name, number in files
        for first, last in manifest((name, number)).held
        for n in range(first, last + 1)
    }
    for bounds in found.values():
        assert all(after[0] > before[1] + 1 for before, after in pairwise(bounds))


@given(FILES, FILES)
def test_together_they_hold_what_either_holds(one: set[tuple[str, int]], other: set[tuple[str, int]]) -> None:
    assert known(one) | known(other) == known(one | other)
    assert NOTHING | known(one) == known(one)


def test_a_file_from_bronze_does_not_stand_for_its_segment() -> None:
    """The edge's own file may come, or have come, beside it."""
    own = manifest(("ab", 3))
    fill = msgspec.structs.replace(own, first=341, last=349, count=9, ranges=[(341, 349)], from_bronze=True)
    found = held_by([fill])
    assert not found.holds_file("ab-3")
    assert (found.holds(fill), found.holds(own)) == (True, False)
    both = found | held_by([own])
    assert both.holds_file("ab-3")
    assert both.sequences == {"ab": [(300, 399)]}
    assert not held_by([own]).holds(fill)


def test_spark_sees_the_same_set(spark: SparkSession) -> None:
    found = known({("ab", 0), ("ab", 1), ("cd", 7)})
    rows = [
        *[("ab-0", 0), ("ab-0", 40), ("ab-1", 150), ("cd-7", 799)],
        *[("ab-0", 41), ("ab-1", 149), ("cd-7", 699), ("cd-8", 800), ("zz-0", 0)],
        *[("", 0), ("ab", 0), (None, 0), ("ab-0", None), ("ab-0", -1)],
    ]
    frame = spark.createDataFrame(rows, "segment string, first bigint")
    chosen = frame.where(found.is_known(f.col("segment"), f.col("first"))).collect()
    # the name of the segment does not matter, only the position does: ("ab", 0) is one of it
    assert [tuple(row) for row in chosen] == [*rows[:4], ("ab", 0)]
    assert frame.where(NOTHING.is_known(f.col("segment"), f.col("first"))).count() == 0


def test_where_nobody_has_noted_what_a_file_held_its_segment_stands_for_it(spark: SparkSession) -> None:
    """A commit of an edition up to 0.1.0, beside one of today."""
    before = BronzeCommit(GenerationNumber(2), 1, 0, {}, [], 1, 0, {"ab": [(0, 1)]})
    found = known_of([before, known({("ab", 2)})])
    assert (found.segments, found.sequences) == ({"ab": [(0, 2)]}, {})
    odd = ["", "ab", "ab-", "ab-x", "-1", "zz-99999999999999999999", None]
    rows = spark.createDataFrame([(name, 5) for name in ["ab-0", "ab-2", "ab-3", *odd]], "segment string, first bigint")
    chosen = rows.where(found.is_known(f.col("segment"), f.col("first"))).collect()
    assert [row["segment"] for row in chosen] == ["ab-0", "ab-2"]
