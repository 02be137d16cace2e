"""Where to read from: never past what bronze lacks, never before what it has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts.commit_info import BronzeCommit, PartitionRange
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.releases.generations import FIRST_GENERATION
from streaming.offsets import (
    Bounds,
    OffsetsLostError,
    StrandedError,
    advance,
    earliest,
    ends_of,
    start_offsets,
    starts_of,
)

BOUNDS = {"events": {0: Bounds(10, 50), 1: Bounds(0, 0)}, "rejected": {0: Bounds(3, 4)}}


def test_an_empty_bronze_starts_with_the_earliest() -> None:
    assert start_offsets({}, BOUNDS) == {"events": {0: 10, 1: 0}, "rejected": {0: 3}}


def test_a_restart_goes_on_where_bronze_stopped_and_takes_in_new_partitions() -> None:
    assert start_offsets({"events": {0: 50}}, BOUNDS) == {"events": {0: 50, 1: 0}, "rejected": {0: 3}}


@pytest.mark.parametrize(
    ("consumed", "words"),
    [
        ({"events": {0: 9}}, "begins at 10, 9 is needed"),
        ({"events": {0: 51}}, "ends at 50, before 51"),
        ({"events": {7: 0}}, r"events\[7\] is gone"),
        ({"other": {0: 0}}, r"other\[0\] is gone"),
    ],
)
def test_what_kafka_does_not_have_stops_the_start_and_says_what_to_do(
    consumed: dict[str, dict[int, int]], words: str
) -> None:
    with pytest.raises(OffsetsLostError, match=words) as caught:
        start_offsets(consumed, BOUNDS)
    assert "lakehouse reprocess --from raw" in str(caught.value)


def test_of_several_generations_those_that_cannot_go_on_are_named() -> None:
    well, ill, second = {"events": {0: 50}}, {"events": {0: 9}}, GenerationNumber(2)
    assert starts_of({FIRST_GENERATION: well}, BOUNDS) == {FIRST_GENERATION: start_offsets(well, BOUNDS)}
    with pytest.raises(StrandedError, match="generation 1: Kafka does not have") as caught:
        starts_of({FIRST_GENERATION: ill, second: well}, BOUNDS)
    assert list(caught.value.reasons) == [FIRST_GENERATION]


def test_who_read_together_begin_where_the_first_of_them_does() -> None:
    ours, theirs = {"events": {0: 5, 1: 9}, "rejected": {0: 0}}, {"events": {0: 7, 1: 2}, "rejected": {0: 0}}
    assert earliest([ours, theirs]) == {"events": {0: 5, 1: 2}, "rejected": {0: 0}}
    assert earliest([ours]) == ours


def test_a_record_that_was_read_before_is_an_error() -> None:
    with pytest.raises(OffsetsLostError, match="again"):
        advance({"events": {0: 5}}, {("events", 0): PartitionRange(4, 6)})


PARTITIONS = st.dictionaries(st.integers(0, 5), st.integers(0, 100), min_size=1)


@given(PARTITIONS, st.lists(st.dictionaries(st.integers(0, 7), st.integers(1, 20)), max_size=5))
def test_ranges_of_successive_commits_join_without_hole_or_overlap(
    start: dict[int, int], batches: list[dict[int, int]]
) -> None:
    consumed = {"events": dict(start)}
    for batch in batches:
        ends = consumed["events"]
        read = {("events", p): PartitionRange(ends.get(p, 0), ends.get(p, 0) + n) for p, n in batch.items()}
        ranges = advance(consumed, read)
        assert {p: r.start for p, r in ranges["events"].items() if p in ends} == ends
        commit = BronzeCommit(FIRST_GENERATION, 1, 1, ranges, [], rows=0, quarantined=0)
        assert set(ranges["events"]) == set(ends) | set(batch)
        assert all(ranges["events"][p].end == ends.get(p, 0) + n for p, n in batch.items())
        consumed = ends_of(commit)
