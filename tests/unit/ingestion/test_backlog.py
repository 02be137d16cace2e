"""What waits for Kafka goes in order, nothing twice, in few records, and nobody starves."""

from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.backlog import TURN_BYTES, Backlog
from ingestion.clock import Clock
from ingestion.incarnation import Incarnation, begin
from ingestion.segment import first_of
from lakehouse.clients.kafka import Record
from lakehouse.contracts.records import FRAME_BYTES, AcceptedEvent, lines_of
from lakehouse.contracts.topics import EVENTS, REJECTED
from lakehouse.settings import EdgeSettings

LARGE = FRAME_BYTES // 5
"""Bytes of a line in a backlog, about."""
PARTITIONS = [0, 1, 2, 3]


def fill(run: Incarnation, accepted: int, rejected: int = 0, size: int = LARGE) -> None:
    for number in range(accepted):
        run.log.append("m", [AcceptedEvent(f"e{number}", "s", "page.viewed", 1, '"' + "x" * size + '"')])
    for number in range(rejected):
        run.rejected.append(b"%d" % number + b"r" * size)


def sent(backlog: Backlog, runs: list[Incarnation], partitions: list[int] = PARTITIONS) -> list[Record]:
    """One flush, acknowledged."""
    group = backlog.next_group(runs, partitions)
    for outbox, end in group.ends:
        outbox.delivered = end
    return group.records


def segment_of(record: Record) -> str:
    return str(msgspec.json.decode(lines_of(record.value)[0])["segment"])


@pytest.fixture
def runs(tmp_path: Path) -> list[Incarnation]:
    """A live one and two that have ended, each with a folder of its own."""
    clock = Clock(tmp_path / "clock.json")
    return [begin(tmp_path, clock, EdgeSettings()) for _ in range(3)]


def test_what_an_earlier_run_left_goes_beside_a_live_one_that_never_rests(runs: list[Incarnation]) -> None:
    live, *left = runs
    for run in left:
        fill(run, accepted=6, rejected=3)
        run.end()
    backlog = Backlog()
    for _ in range(40):
        fill(live, accepted=6)
        assert sent(backlog, runs)
    assert all(outbox.done for run in left for outbox in run.outboxes)
    assert live.accepted_outbox.delivered.offset > 0, "nor does the live one starve"


@pytest.mark.parametrize("partitions", [[0], [0, 1]])
def test_earlier_runs_that_are_more_than_the_partitions_take_turns(
    runs: list[Incarnation], partitions: list[int]
) -> None:
    backlog = Backlog()
    for run in runs:
        fill(run, accepted=6, rejected=2)
    for _ in range(20):
        fill(runs[0], accepted=6)
        sent(backlog, runs, partitions)
    assert all(outbox.done for run in runs[1:] for outbox in run.outboxes)


def test_what_was_refused_is_not_starved_by_what_was_accepted(runs: list[Incarnation]) -> None:
    live, backlog = runs[0], Backlog()
    fill(live, accepted=0, rejected=4)
    for _ in range(10):
        fill(live, accepted=8)
        sent(backlog, [live])
    assert live.rejected_outbox.done


def test_little_is_one_frame_and_partitions_take_turns(runs: list[Incarnation]) -> None:
    live, backlog, used = runs[0], Backlog(), Counter[int | None]()
    for _ in range(8):
        fill(live, accepted=10, size=TURN_BYTES // 20)
        (record,) = sent(backlog, [live])
        assert len(lines_of(record.value)) == 10
        live.log.seal()
        used[record.partition] += 1
    assert used == dict.fromkeys(PARTITIONS, 2)


def test_much_is_a_frame_for_each_partition(runs: list[Incarnation]) -> None:
    fill(runs[0], accepted=200, size=TURN_BYTES // 10)
    records = sent(Backlog(), [runs[0]])
    assert sorted(record.partition or 0 for record in records) == PARTITIONS
    assert all(TURN_BYTES * 0.9 < len(record.value) <= FRAME_BYTES for record in records)


@settings(max_examples=60)
@given(data=st.data())
def test_a_flush_that_failed_half_way_puts_nothing_before_its_predecessor(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of a flush that is not acknowledged any frames may have arrived; then the edge goes on, or is started anew."""
    folder = tmp_path_factory.mktemp("edge")
    clock = Clock(folder / "clock.json")
    runs = [begin(folder, clock, EdgeSettings())]
    backlog, arrived = Backlog(), defaultdict[int | None, list[int]](list)
    for _ in range(data.draw(st.integers(1, 8))):
        fill(runs[0], data.draw(st.integers(0, 9)), size=data.draw(st.sampled_from([9, LARGE, TURN_BYTES])))
        if data.draw(st.booleans()):
            runs[0].log.seal()
        if data.draw(st.booleans()):
            runs[0].log.lines._cache.clear()
        if data.draw(st.booleans()):
            runs, backlog = [Incarnation(runs[0].folder, clock, EdgeSettings(), ended=False)], Backlog()
        group = backlog.next_group(runs, PARTITIONS)
        acknowledged = data.draw(st.booleans())
        for record in group.records:
            if acknowledged or data.draw(st.booleans()):
                arrived[record.partition] += [first_of(line) for line in lines_of(record.value)]
        for outbox, end in group.ends if acknowledged else ():
            outbox.delivered = end
            runs[0].save()
    for firsts in arrived.values():
        new = list(dict.fromkeys(firsts))
        assert new == sorted(new)


@settings(max_examples=40)
@given(
    counts=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=6),
    size=st.sampled_from([10, LARGE, FRAME_BYTES // 2, FRAME_BYTES + 1]),
    partitions=st.integers(1, 5),
)
def test_every_line_goes_once_and_in_order(
    counts: list[tuple[int, int]], size: int, partitions: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("edge")
    clock = Clock(folder / "clock.json")
    runs = [begin(folder, clock, EdgeSettings()) for _ in counts]
    for run, (accepted, rejected) in zip(runs, counts, strict=True):
        fill(run, accepted, rejected, size)
    backlog, arrived = Backlog(), defaultdict[str, list[bytes]](list)
    while group := sent(backlog, runs, list(range(partitions))):
        frames = [record for record in group if record.topic == EVENTS.name]
        places = {(record.partition, segment_of(record)) for record in frames}
        assert len(places) == len(frames), "of an incarnation a partition has one frame of a flush"
        for record in group:
            lines = lines_of(record.value)
            assert len(lines) == 1 or (record in frames and len(record.value) <= FRAME_BYTES)
            arrived[record.topic] += lines
        refused = [len(record.value) for record in group if record.topic == REJECTED.name]
        assert len(refused) <= 1 or sum(refused) <= FRAME_BYTES
    for run in runs:
        for log, topic in ((run.log.lines, EVENTS.name), (run.rejected, REJECTED.name)):
            lines = [line for number in sorted(log.sizes) for line in log.path(number).read_bytes().splitlines()]
            own = iter(arrived[topic])
            assert all(line in own for line in lines), "each once more behind the one before"
    assert len(arrived[EVENTS.name]) == sum(accepted for accepted, _ in counts)
    assert len(arrived[REJECTED.name]) == sum(rejected for _, rejected in counts)
