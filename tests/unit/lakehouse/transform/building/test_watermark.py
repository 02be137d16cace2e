"""``complete_through``: nothing accepted before it can be missing, and it never goes back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts.commit_info import BronzeCommit, EdgeWatermarks, PartitionRange
from lakehouse.contracts.records import CLOSED_MARK
from lakehouse.contracts.topics import EVENTS
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.transform.building.watermark import complete_through, fold_marks, fold_offsets

NOW = datetime(2026, 11, 23, 10, 7, tzinfo=UTC)
MICROS = int(NOW.timestamp()) * 1_000_000
GRACE, SILENT = timedelta(minutes=10), timedelta(minutes=10)
QUARTER = 15 * 60 * 1_000_000


def commit(*marks: EdgeWatermarks, offsets: dict[str, dict[int, PartitionRange]] | None = None) -> BronzeCommit:
    return BronzeCommit(FIRST_GENERATION, 1, 1, offsets or {}, list(marks), rows=0, quarantined=0)


def everywhere(instant: int) -> dict[int, int]:
    return dict.fromkeys(range(EVENTS.partitions), instant)


def test_it_is_the_mark_less_the_grace_floored_to_a_quarter() -> None:
    marks = [EdgeWatermarks("edge-1", "a", everywhere(MICROS))]
    reached = complete_through(marks, NOW, GRACE, SILENT, None)
    assert reached == int(datetime(2026, 11, 23, 9, 45, tzinfo=UTC).timestamp()) * 1_000_000


def test_the_slowest_partition_of_the_slowest_edge_decides() -> None:
    slow = everywhere(MICROS) | {2: MICROS - QUARTER // 2}
    marks = [EdgeWatermarks("edge-1", "a", everywhere(MICROS)), EdgeWatermarks("edge-2", "b", slow)]
    assert complete_through(marks, NOW, timedelta(0), SILENT, None) == (MICROS - QUARTER // 2) // QUARTER * QUARTER


def test_an_edge_that_has_not_marked_every_partition_is_not_heard() -> None:
    assert complete_through([EdgeWatermarks("edge-1", "a", {0: MICROS})], NOW, GRACE, SILENT, None) is None


def test_a_silent_edge_is_left_out_and_holds_nothing_back() -> None:
    silent = EdgeWatermarks("edge-2", "b", everywhere(MICROS - 11 * 60 * 1_000_000))
    heard = EdgeWatermarks("edge-1", "a", everywhere(MICROS))
    assert complete_through([silent, heard], NOW, GRACE, SILENT, None) == complete_through(
        [heard], NOW, GRACE, SILENT, None
    )


def test_a_closed_incarnation_is_forgotten() -> None:
    known = [EdgeWatermarks("edge-1", "a", everywhere(MICROS))]
    assert fold_marks(known, [commit(EdgeWatermarks("edge-1", "a", everywhere(CLOSED_MARK)))]) == []


def test_a_mark_from_the_future_makes_no_hour_final_before_its_time() -> None:
    fast = EdgeWatermarks("edge-2", "b", everywhere(MICROS + 3 * 3600 * 1_000_000))
    sound = EdgeWatermarks("edge-1", "a", everywhere(MICROS))
    expected = complete_through([sound], NOW, GRACE, SILENT, None)
    assert complete_through([fast], NOW, GRACE, SILENT, None) == expected
    assert complete_through([fast, sound], NOW, GRACE, SILENT, None) == expected


def test_nobody_heard_leaves_it_where_it_was() -> None:
    assert complete_through([], NOW, GRACE, SILENT, 17 * QUARTER) == 17 * QUARTER


marks_of_a_commit = st.builds(
    EdgeWatermarks,
    st.sampled_from(["edge-1", "edge-2"]),
    st.sampled_from(["a", "b"]),
    st.dictionaries(
        st.integers(0, EVENTS.partitions - 1), st.integers(MICROS - 3600 * 10**6, MICROS + 3600 * 10**6), max_size=4
    ),
)


@given(st.lists(st.lists(marks_of_a_commit, max_size=3), max_size=8), st.integers(0, 8))
def test_folding_in_two_steps_is_folding_at_once(batches: list[list[EdgeWatermarks]], split: int) -> None:
    commits = [commit(*marks) for marks in batches]
    in_steps = fold_marks(fold_marks([], commits[:split]), commits[split:])
    assert in_steps == fold_marks([], commits)


@given(st.lists(st.lists(marks_of_a_commit, max_size=3), max_size=8))
def test_it_never_goes_back_and_never_passes_a_mark(batches: list[list[EdgeWatermarks]]) -> None:
    before, marks = None, list[EdgeWatermarks]()
    for batch in batches:
        marks = fold_marks(marks, [commit(*batch)])
        reached = complete_through(marks, NOW, GRACE, timedelta(hours=2), before)
        assert before is None or (reached is not None and reached >= before)
        complete = [mark for mark in marks if len(mark.marks) == EVENTS.partitions]
        if reached != before and reached is not None:
            assert all(reached <= min(mark.marks.values()) for mark in complete)
            assert reached <= MICROS - GRACE // timedelta(microseconds=1)
        before = reached


def test_offsets_keep_the_newest_range_of_each_partition() -> None:
    first = commit(offsets={"events": {0: PartitionRange(0, 5), 1: PartitionRange(0, 2)}})
    second = commit(offsets={"events": {0: PartitionRange(5, 9)}})
    assert fold_offsets({}, [first, second]) == {"events": {0: PartitionRange(5, 9), 1: PartitionRange(0, 2)}}
