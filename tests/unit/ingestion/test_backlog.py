"""What waits for Kafka goes in order, nothing twice, and nobody starves."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.backlog import Backlog
from ingestion.clock import Clock
from ingestion.incarnation import REJECTED_KEY, Incarnation, begin
from lakehouse.clients.kafka import FLUSH_BYTES, Record
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.settings import EdgeSettings

LARGE = FLUSH_BYTES // 5
"""Bytes of a line in a backlog, about."""


def fill(run: Incarnation, accepted: int, rejected: int = 0, size: int = LARGE) -> None:
    for number in range(accepted):
        run.log.append("m", [AcceptedEvent(f"e{number}", "s", "page.viewed", 1, '"' + "x" * size + '"')])
    for number in range(rejected):
        run.rejected.append(REJECTED_KEY, b"%d" % number + b"r" * size)


def sent(backlog: Backlog, runs: list[Incarnation]) -> list[Record]:
    """One flush, acknowledged."""
    group = backlog.next_group(runs)
    for outbox, end in group.ends:
        outbox.delivered = end
    return group.records


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


def test_what_was_refused_is_not_starved_by_what_was_accepted(runs: list[Incarnation]) -> None:
    live, backlog = runs[0], Backlog()
    fill(live, accepted=0, rejected=4)
    for _ in range(10):
        fill(live, accepted=8)
        sent(backlog, [live])
    assert live.rejected_outbox.done


@settings(max_examples=40)
@given(
    counts=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=4),
    size=st.sampled_from([10, LARGE, FLUSH_BYTES // 2]),
)
def test_every_line_goes_once_and_in_order(
    counts: list[tuple[int, int]], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("edge")
    clock = Clock(folder / "clock.json")
    runs = [begin(folder, clock, EdgeSettings()) for _ in counts]
    for run, (accepted, rejected) in zip(runs, counts, strict=True):
        fill(run, accepted, rejected, size)
    backlog, records = Backlog(), list[Record]()
    while group := sent(backlog, runs):
        assert len(group) == 1 or sum(len(record.value) for record in group) <= FLUSH_BYTES
        records += group
    expected = [
        [path.read_bytes().splitlines() for number in sorted(log.sizes) for path in [log.path(number)]]
        for run in runs
        for log in (run.log.lines, run.rejected)
    ]
    lines = [[line for file in log for line in file] for log in expected]
    values = [record.value for record in records]
    assert sorted(values) == sorted(line for log in lines for line in log)
    for log in lines:
        places = [values.index(line) for line in log]
        assert places == sorted(places)
