"""What keeps gold versions alive between commands: candidates and former versions go on beside the live one, and plans
that nobody carries out are taken up. Without Trino: the commits of bronze hold no rows, so that nothing is built."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lakehouse.clients.delta_log import commit_path
from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.errors import NotReadyError
from lakehouse.ledger.judge import Verdict, judge
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR as HOUR
from lakehouse.ledger.model import Evidence
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import Drop, GoldVersion, Release, Snapshot, new_nonce
from lakehouse.releases.version_status import Status, VersionState, is_kept_current
from lakehouse.settings import ReleaseSettings, Settings
from lakehouse.transform.backfill.progress import Phase, ProgressFile
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.locks import building
from lakehouse.transform.standby_versions import StandbyVersions
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse
from tests.support.processes import Started
from tests.support.release_documents import DEFINITION, snapshot

FEED_EVERY, FEED_FORMER = timedelta(minutes=3), timedelta(days=2)


@dataclass
class Trino:
    """Runs nothing, or is away."""

    away: bool = False

    def query(self, _: str) -> list[dict[str, Any]]:
        if self.away:
            raise NotReadyError("Trino does not answer")
        return []


@dataclass
class World:
    """Version 1 is live; ``started`` are the processes and the clock, ``proved`` what was asked of the ledger."""

    warehouse: LoggedWarehouse
    settings: Settings
    trino: Trino = field(default_factory=Trino)
    started: Started = field(default_factory=Started)
    proved: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.warehouse.version()
        self.live_cycle()

    def standby(self) -> StandbyVersions:
        """Of a service that has just been started."""
        builder: Any = Builder(self.settings, self.warehouse.files)
        builder.trino = self.trino

        def judged(shown: Release) -> Verdict:
            self.proved.append((shown.gold_version, shown.snapshot))
            return judge(Evidence())

        return StandbyVersions(
            builder, judged, lambda number: self.started.start(str(number)), lambda: self.started.now
        )

    def live_cycle(self, version: int = 1) -> None:
        """One more commit of bronze, and a snapshot of the live version there."""
        number = len(self.warehouse.versions.snapshot_numbers(GoldVersionNumber(version))) + 1
        said = msgspec.json.encode(BronzeCommit(FIRST_GENERATION, 1, number, {}, [], rows=0, quarantined=0)).decode()
        commit = msgspec.json.encode({"commitInfo": {"timestamp": 0, "operation": "WRITE", "userMetadata": said}})
        self.warehouse.files.write(commit_path(LAYOUT.bronze(FIRST_GENERATION), number), commit)
        self.warehouse.cycle(self.warehouse.versions.get(GoldVersionNumber(version)))

    def candidate(self) -> GoldVersion:
        """Built where bronze began."""
        version = self.warehouse.version(CANDIDATE)
        self.warehouse.snapshot(version)
        return version

    def newest(self, version: int) -> Snapshot:
        found = self.warehouse.versions.latest_snapshot(GoldVersionNumber(version))
        assert found is not None
        return found

    def consumed(self, *versions: int) -> list[int]:
        """Which bronze commit each has reached."""
        return [self.newest(version).bronze.delta_version for version in versions]


@pytest.fixture
def world(tmp_path: Path) -> World:
    releases = ReleaseSettings(feed_every=FEED_EVERY, feed_former=FEED_FORMER)
    settings = Settings(home=tmp_path / "home", warehouse=LAYOUT.root, releases=releases)
    return World(LoggedWarehouse(tmp_path / "hdfs"), settings)


def turn(standby: StandbyVersions, times: int = 1) -> None:
    for _ in range(times):
        standby.turn(lambda _: None)


@contextmanager
def locked_elsewhere(settings: Settings, version: int) -> Iterator[None]:
    """As another process has it that builds the version."""
    has, done = threading.Event(), threading.Event()

    def hold() -> None:
        with building(settings, GoldVersionNumber(version)):
            has.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    has.wait()
    try:
        yield
    finally:
        done.set()
        holder.join()


def test_a_candidate_is_brought_to_where_the_live_version_stands(world: World) -> None:
    world.candidate()
    standby = world.standby()
    for reached in (2, 3, 4):
        world.live_cycle()
        turn(standby)
        assert world.consumed(1, 2) == [reached, reached]
        world.started.now += FEED_EVERY.total_seconds()


def test_a_version_takes_a_step_once_a_while(world: World) -> None:
    world.candidate()
    standby = world.standby()
    turn(standby)
    world.live_cycle()
    world.started.now += FEED_EVERY.total_seconds() - 1
    turn(standby, times=3)
    assert world.consumed(2) == [1]
    world.started.now += 1
    turn(standby)
    assert world.consumed(2) == [2]


def test_a_turn_is_one_step_of_the_version_that_has_waited_longest(world: World) -> None:
    """So that the live line is not kept waiting, and nobody is forgotten."""
    for _ in range(3):
        world.candidate()
    world.live_cycle()
    standby = world.standby()
    for stepped in (1, 2, 3):
        turn(standby)
        assert world.consumed(2, 3, 4).count(2) == stepped
        world.started.now += FEED_EVERY.total_seconds()


def test_a_version_that_is_being_built_keeps_nobody_waiting(world: World) -> None:
    """Its rebuild may be catching up for hours."""
    world.candidate()
    world.candidate()
    world.live_cycle()
    standby = world.standby()
    with locked_elsewhere(world.settings, 2):
        turn(standby)
        assert world.consumed(2, 3) == [1, 2]
    turn(standby)
    assert world.consumed(2) == [2]


def test_a_step_that_fails_stops_nobody_and_is_tried_again(world: World) -> None:
    world.candidate()
    world.live_cycle()
    standby = world.standby()
    world.trino.away = True
    turn(standby)
    world.trino.away = False
    assert world.consumed(2) == [1]
    world.started.now += FEED_EVERY.total_seconds()
    turn(standby)
    assert world.consumed(2) == [2]


@pytest.mark.parametrize(("ago", "fed"), [(timedelta(days=1), True), (timedelta(days=3), False)])
def test_a_version_that_was_promoted_away_is_fed_for_a_while(
    world: World, tmp_path: Path, ago: timedelta, fed: bool
) -> None:
    """So that a rollback to it is fresh."""
    candidate = world.candidate()
    world.live_cycle()
    turn(world.standby())
    published = world.warehouse.promote(candidate)
    left = (datetime.now(UTC) - ago).timestamp()
    os.utime(tmp_path / "hdfs" / LAYOUT.release(published.number).lstrip("/"), (left, left))
    world.live_cycle(2)
    turn(world.standby())
    assert world.warehouse.statuses() == {1: Status.FORMER, 2: Status.CURRENT}
    assert world.consumed(1, 2) == [3 if fed else 2, 3]


def test_a_plan_that_nobody_carries_out_is_taken_up_once(world: World) -> None:
    """And again, where its process has ended without a word."""
    world.warehouse.version(CANDIDATE)
    standby = world.standby()
    turn(standby, times=3)
    assert world.started.works_on == ["2"]
    world.started.processes[0][1].code = -9
    turn(standby, times=3)
    assert world.started.works_on == ["2", "2"]


def test_a_plan_that_has_failed_is_left_to_its_operator(world: World) -> None:
    version = world.warehouse.version(CANDIDATE)
    standby = world.standby()
    turn(standby)
    progress = ProgressFile(world.warehouse.files, LAYOUT, version.version)
    progress.say(Phase.FAILED, failure="an audit")
    world.started.processes[0][1].code = 1
    turn(standby, times=3)
    turn(world.standby())
    assert world.started.works_on == ["2"]


def test_a_plan_that_somebody_carries_out_is_left_to_him(world: World) -> None:
    world.warehouse.version(CANDIDATE)
    standby = world.standby()
    with locked_elsewhere(world.settings, 2):
        turn(standby)
        assert world.started.works_on == []
    turn(standby)
    assert world.started.works_on == ["2"]


def test_a_version_that_was_dropped_is_left_alone(world: World) -> None:
    for version in (world.candidate(), world.warehouse.version(CANDIDATE)):
        world.warehouse.versions.add_drop(Drop(version.version, "olga", None, 1, new_nonce()))
    world.live_cycle()
    turn(world.standby(), times=2)
    assert (world.consumed(2), world.started.works_on) == ([1], [])


def test_what_was_started_ends_with_the_service(world: World) -> None:
    world.warehouse.version(CANDIDATE)
    standby = world.standby()
    turn(standby)
    standby.stop()
    assert world.started.processes[0][1].code == -15


def test_the_ledger_of_a_candidate_is_proved_once_an_hour(world: World) -> None:
    """Beside the live line, so that its promote need not read all of history."""
    world.candidate()
    standby = world.standby()
    for _ in range(3):
        turn(standby)
        _await_prover(standby)
    assert world.proved == [(2, 1)]
    world.warehouse.versions.add_snapshot(snapshot(2, 2, world.newest(2).tables, complete_through=HOUR))
    turn(standby)
    _await_prover(standby)
    assert world.proved == [(2, 1), (2, 2)]


NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "left", "fed"),
    [
        (Status.CANDIDATE, None, True),
        (Status.CURRENT, None, False),
        (Status.BUILDING, None, False),
        (Status.DROPPED, NOW, False),
        (Status.FORMER, NOW, True),
        (Status.FORMER, NOW - FEED_FORMER + timedelta(milliseconds=1), True),
        (Status.FORMER, NOW - FEED_FORMER, False),
    ],
)
def test_who_is_fed(status: Status, left: datetime | None, fed: bool) -> None:
    version = GoldVersion(GoldVersionNumber(2), DEFINITION, 0, new_nonce(), CANDIDATE)
    assert is_kept_current(VersionState(version, status, snapshot(2, 1), left), NOW, FEED_FORMER) == fed


def _await_prover(standby: StandbyVersions) -> None:
    assert standby._prover is not None
    standby._prover.join()
