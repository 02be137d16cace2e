"""A watermark is said only by a clock that can be believed, covers only what Kafka has, and binds later runs."""

from pathlib import Path

import pytest

from ingestion import watermarks
from ingestion.clock import Clock
from ingestion.incarnation import Incarnation, begin
from lakehouse.contracts.records import CLOSED_MARK, AcceptedEvent
from lakehouse.settings import EdgeSettings

EVENT = AcceptedEvent("e", "s", "page.viewed", 1, "{}")


class Wall:
    """A wall clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def clock(tmp_path: Path, wall: Wall) -> Clock:
    return Clock(tmp_path / "clock.json", wall)


@pytest.fixture
def run(tmp_path: Path, clock: Clock) -> Incarnation:
    return begin(tmp_path, clock, EdgeSettings())


def instants(found: list[watermarks.Mark]) -> list[int]:
    return [mark.instant for mark in found]


def test_an_idle_run_marks_the_present(run: Incarnation, clock: Clock, wall: Wall) -> None:
    wall.now = 5_000_000
    assert instants(watermarks.due([run], clock, clock_trusted=True)) == [5_000_000]


def test_what_kafka_does_not_have_holds_the_mark_back(run: Incarnation, clock: Clock, wall: Wall) -> None:
    wall.now = 2_000_000
    end = run.log.append("m", [EVENT]).end
    wall.now = 3_000_000
    run.log.append("m", [EVENT])
    wall.now = 9_000_000
    assert instants(watermarks.due([run], clock, clock_trusted=True)) == [2_000_000]
    run.accepted_outbox.delivered = end
    assert instants(watermarks.due([run], clock, clock_trusted=True)) == [3_000_000]


def test_a_clock_that_is_not_trusted_marks_nothing(run: Incarnation, clock: Clock, wall: Wall, tmp_path: Path) -> None:
    wall.now = 99_000_000
    assert watermarks.due([run], clock, clock_trusted=False) == []
    wall.now = 1_500_000
    assert Clock(tmp_path / "clock.json", wall).now() == 1_500_000, "and binds no later run to its time"


def test_the_end_of_a_run_is_no_matter_of_clocks(run: Incarnation, clock: Clock) -> None:
    run.log.append("m", [EVENT])
    run.end()
    assert watermarks.due([run], clock, clock_trusted=False) == []
    run.accepted_outbox.delivered = run.log.lines.end
    (mark,) = watermarks.due([run], clock, clock_trusted=False)
    assert (mark.incarnation, mark.instant, mark.closes) == (run, CLOSED_MARK, True)


def test_a_later_run_stamps_nothing_before_a_mark(run: Incarnation, clock: Clock, wall: Wall, tmp_path: Path) -> None:
    wall.now = 7_000_000
    watermarks.due([run], clock, clock_trusted=True)
    wall.now = 2_000_000
    assert Clock(tmp_path / "clock.json", wall).now() == 7_000_000
