"""Promote beside other operators, cycles and rebuilds, on a local file system without Trino."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lakehouse import table_files
from lakehouse.clients.files import publish
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.errors import RefusedError
from lakehouse.ledger.judge import judge
from lakehouse.ledger.model import Evidence
from lakehouse.releases import generations
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import Base, BronzeCursor, Definition, GoldVersion, Plan, Snapshot, TableState, new_nonce
from lakehouse.releases.version_status import Status, version_states
from lakehouse.settings import Settings
from lakehouse.transform import definition
from lakehouse.transform.backfill.plan import ReprocessRequest, Source, plan
from lakehouse.transform.backfill.progress import Phase, ProgressFile
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.building.catch_up import CatchUp
from lakehouse.transform.cycle import Cycle
from lakehouse.transform.locks import building
from lakehouse.transform.maintenance import drop as dropping
from lakehouse.transform.publishing import promote
from lakehouse.transform.publishing.gates import Prospect, caught_up
from lakehouse.transform.publishing.promote import Promote, PromoteRequest
from lakehouse.transform.publishing.rollback import RollbackRequest, roll_back, rollback
from lakehouse.transform.standby_versions import StandbyVersions
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse

Gate = Callable[[Prospect, bool], str]


@dataclass
class Trino:
    """Runs nothing."""

    said: list[str] = field(default_factory=list)

    def query(self, sql: str) -> list[dict[str, Any]]:
        self.said.append(sql)
        return []


@dataclass
class World:
    warehouse: LoggedWarehouse
    builder: Any

    def promote(self, number: int, *slow: Gate) -> Any:
        return Promote(self.builder, slow, (caught_up,)).run(PromoteRequest(GoldVersionNumber(number), "olga"))

    def drop(self, number: int) -> None:
        dropping.drop(self.builder, dropping.DropRequest(GoldVersionNumber(number), "otto"))

    def sharing_with(self, owner: GoldVersionNumber) -> GoldVersion:
        """A candidate with a table of the owner's, as of its second snapshot."""
        base = Base(ReleaseNumber(2), owner, SnapshotNumber(2))
        plan = Plan("bronze", BronzeCursor(FIRST_GENERATION, 2), base, "olga", shared=("silver.x",))
        made = self.warehouse.version(plan)
        self.warehouse.snapshot(made)
        return made


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Version 1 is live with two releases, version 2 a candidate at the same commits."""
    warehouse = LoggedWarehouse(tmp_path / "hdfs")
    live, candidate = warehouse.version(), warehouse.version(CANDIDATE)
    for _ in range(2):
        warehouse.cycle(live)
        warehouse.snapshot(candidate)
    monkeypatch.setattr(dropping, "_forget", lambda _: None)  # SQL's view of the past
    monkeypatch.setattr(promote, "LOCK_TIMEOUT", 5.0)
    monkeypatch.setattr(promote, "CATCH_UP_TIMEOUT", 0.0)
    builder: Any = Builder(Settings(home=tmp_path / "home", warehouse=LAYOUT.root), warehouse.files)
    builder.trino = Trino()
    return World(warehouse, builder)


def test_what_is_dropped_while_its_gates_are_checked_is_not_published(world: World) -> None:
    def slow(prospect: Prospect, accept: bool) -> str:
        world.drop(2)
        return "open"

    with pytest.raises(RefusedError, match="dropped"):
        world.promote(2, slow)
    assert world.warehouse.statuses() == {1: Status.CURRENT, 2: Status.DROPPED}


def test_what_is_promoted_while_a_drop_looks_at_it_is_not_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promote waits until the drop has been decided."""
    looked, real = threading.Event(), dropping._refuse_within_retention
    promoting = threading.Thread(target=lambda: refused.append(_refusal(lambda: world.promote(2))))
    refused: list[str] = []

    def look(*given: Any) -> None:
        real(*given)
        promoting.start()
        looked.wait(0.5)

    monkeypatch.setattr(dropping, "_refuse_within_retention", look)
    world.drop(2)
    promoting.join()
    assert "dropped" in refused[0]
    assert world.warehouse.statuses() == {1: Status.CURRENT, 2: Status.DROPPED}


def test_what_was_shown_is_refused_for_that_first(world: World) -> None:
    """Nobody should give up what shares its tables only to hear that it stays anyway."""
    world.sharing_with(GoldVersionNumber(1))
    with pytest.raises(RefusedError, match="what readers see"):
        world.drop(1)
    world.promote(2)
    with pytest.raises(RefusedError, match="stays readable for 90 days"):
        world.drop(1)


def test_what_shares_tables_is_named_to_who_drops_their_owner(world: World) -> None:
    sharing = world.sharing_with(GoldVersionNumber(2))
    with pytest.raises(RefusedError, match=f"version {sharing.version} shares .* drop {sharing.version} first"):
        world.drop(2)


def test_a_cycle_tells_that_readers_are_held(world: World) -> None:
    cycle = Cycle(world.builder.settings, world.warehouse.files)
    cycle._step = lambda *_: (0, None)  # type: ignore[method-assign]  # bronze has nothing new
    assert cycle.run().held is None
    rollback(world.warehouse.log, world.warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1), exact=True))
    held = cycle.run().held
    assert held == world.warehouse.log.current()


def test_the_version_that_is_held_is_promoted(world: World) -> None:
    rollback(world.warehouse.log, world.warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1), exact=True))
    published = world.promote(1)
    assert (published.release.gold_version, published.release.snapshot, published.release.held) == (1, 2, False)


def test_the_owner_of_shared_tables_is_promoted_while_cycles_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cycle of the sharing version has its lock, and then takes the owner's."""
    sharing = world.warehouse.version(
        Plan(
            "bronze",
            BronzeCursor(FIRST_GENERATION, 2),
            Base(ReleaseNumber(2), GoldVersionNumber(1), SnapshotNumber(2)),
            "olga",
            shared=("silver.x",),
        )
    )
    world.warehouse.snapshot(sharing)
    world.warehouse.snapshot(sharing)
    world.warehouse.promote(sharing)
    holds, began, catch_up = threading.Event(), threading.Event(), CatchUp.run

    def slow_catch_up(*given: Any) -> Snapshot:
        began.set()
        time.sleep(0.2)
        return catch_up(*given)

    def cycle() -> None:
        with building(world.builder.settings, sharing.version):
            holds.set()
            began.wait()
            with building(world.builder.settings, GoldVersionNumber(1)):
                pass

    monkeypatch.setattr(CatchUp, "run", slow_catch_up)
    cycling = threading.Thread(target=cycle)
    cycling.start()
    holds.wait()
    assert world.promote(1).release.gold_version == 1
    cycling.join()


def test_a_thread_has_a_lock_that_it_has_and_another_does_not(world: World) -> None:
    found: list[bool] = []

    def other() -> None:
        with building(world.builder.settings, GoldVersionNumber(1), wait=False) as mine:
            found.append(mine)

    for expected in (False, True):
        with (
            building(world.builder.settings, GoldVersionNumber(1)),
            building(world.builder.settings, GoldVersionNumber(1)) as again,
        ):
            assert again
            if not expected:
                _run(other)
        if expected:
            _run(other)
    assert found == [False, True]


def test_slow_gates_judge_what_has_caught_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = world.warehouse
    for _ in range(3):
        warehouse.cycle(warehouse.versions.get(GoldVersionNumber(1)))

    def catch_up(_: CatchUp, version: GoldVersion, live: Snapshot, say: Any) -> Snapshot:
        newest = warehouse.versions.latest_snapshot(version.version)
        assert newest is not None
        while newest.bronze.delta_version < live.bronze.delta_version:
            newest = warehouse.snapshot(version)
        return newest

    def slow(prospect: Prospect, accept: bool) -> str:
        judged.append(prospect.snapshot.number)
        return "open"

    judged: list[int] = []
    monkeypatch.setattr(CatchUp, "run", catch_up)
    assert world.promote(2, slow).release.snapshot == 5
    assert judged == [2, 5]


def test_what_a_candidate_takes_over_is_what_readers_see(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed rebuild of a few days is not gone on with beside another version than its days were copied from."""
    monkeypatch.setattr(definition, "freeze", lambda *_: Definition("a" * 64))
    request = ReprocessRequest(Source.BRONZE, "olga", since=datetime(2026, 3, 1, tzinfo=UTC))
    first = plan(world.builder, request)
    world.warehouse.snapshot(first, built_before=0)
    ProgressFile(world.warehouse.files, LAYOUT, first.version).say(Phase.FAILED, failure="no servers")
    assert plan(world.builder, request) == first
    world.promote(2)
    again = plan(world.builder, request)
    assert again.version > first.version
    assert again.plan is not None
    assert again.plan.base is not None
    assert again.plan.base.gold_version == 2


def test_nothing_new_is_built_from_a_generation_that_is_fed_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse, files = world.warehouse, world.warehouse.files
    number = generations.next_generation(files, LAYOUT)
    done = generations.Streamed(number, 7, 1, {}, 1, new_nonce())
    publish(files, LAYOUT.staging, LAYOUT.bronze_streamed(number), msgspec.json.encode(done))
    of_raw = warehouse.version(
        Plan("raw", BronzeCursor(number, -1), Base(ReleaseNumber(2), GoldVersionNumber(1), SnapshotNumber(2)), "olga")
    )
    tables = {"gold.merchant_sales": TableState("gold_v3", "/t3", 1)}
    warehouse.versions.add_snapshot(
        Snapshot(
            of_raw.version, SnapshotNumber(1), BronzeCursor(number, 7), tables, [], {}, 1800, True, [], new_nonce()
        )
    )
    warehouse.promote(of_raw)
    world.drop(2)
    _retire(world, days=8)
    assert generations.active(files, LAYOUT) == [number]
    with pytest.raises(RefusedError, match="--from raw"):
        world.promote(1)
    monkeypatch.setattr(table_files, "missing", lambda *_: [])
    roll_back(world.builder.settings, files, warehouse.log, RollbackRequest("olga", to=ReleaseNumber(2), exact=True))
    with pytest.raises(RefusedError, match="--from raw"):
        plan(world.builder, ReprocessRequest(Source.BRONZE, "olga", fingerprint="f" * 64))
    _retire(world, days=30)
    assert generations.active(files, LAYOUT) == [number], "one is left to build new versions from"


def _retire(world: World, days: int) -> None:
    """As if another version had been current for that long."""
    settings = world.builder.settings
    releases = settings.releases.model_copy(
        update={"feed_former": settings.releases.feed_former - timedelta(days=days)}
    )
    builder = Builder(settings.model_copy(update={"releases": releases}), world.warehouse.files)
    standby = StandbyVersions(builder, lambda _: judge(Evidence()))
    standby._retire_generations(version_states(world.warehouse.versions, world.warehouse.log.refresh()))


def _refusal(what: Callable[[], Any]) -> str:
    with pytest.raises(RefusedError) as refused:
        what()
    return str(refused.value)


def _run(what: Callable[[], None]) -> None:
    thread = threading.Thread(target=what)
    thread.start()
    thread.join()
