"""How often a rebuild is tried, and how it ends, on a local file system.

Nothing is built: a script says how each attempt at the history ends, and how long it takes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lakehouse.clients.files import Entry, LocalFiles
from lakehouse.clients.trino import QueryFailedError, SqlError
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import Base, BronzeCursor, Drop, Plan
from lakehouse.settings import Settings
from lakehouse.transform.backfill import rebuild, retry
from lakehouse.transform.backfill.progress import ProgressFile
from lakehouse.transform.backfill.rebuild import PAUSE, DroppedError, RawBuildError, Rebuild
from lakehouse.transform.backfill.reprocess import build_or_wait
from lakehouse.transform.backfill.retry import ATTEMPTS, SERVER_TIMEOUT
from lakehouse.transform.building.build import BuildFailedError
from lakehouse.transform.building.builder import Builder
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse

HOUR = 3600.0
BOUNDED = Plan(
    "bronze",
    BronzeCursor(FIRST_GENERATION, 1),
    Base(ReleaseNumber(1), GoldVersionNumber(1), SnapshotNumber(1)),
    "olga",
    since=0,
)
AWAY = NotReadyError("Trino does not answer")
RAW = RawBuildError("the raw files could not be read")
TOO_LARGE = BuildFailedError("EXCEEDED_LOCAL_MEMORY_LIMIT", is_too_large=True)


class Silent:
    """A Trino with nothing to say."""

    def query(self, _: str) -> list[dict[str, Any]]:
        return []


@dataclass
class World:
    """``now`` is the time by its own clock; ``tried`` counts the attempts at the history, and ``meanwhile`` happens in
    each."""

    warehouse: LoggedWarehouse
    builder: Any
    script: Iterator[tuple[float, LakehouseError]] = field(default_factory=lambda: iter(()))
    now: float = 0.0
    tried: int = 0
    meanwhile: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def rebuild(self, script: Iterable[tuple[float, LakehouseError]] = ()) -> Rebuild:
        """Attempts take so long and end so; the one after the last goes well."""
        self.script = iter(script)
        return Rebuild(self.builder, self.warehouse.version(CANDIDATE))

    def attempt(self) -> None:
        self.tried += 1
        self.meanwhile()
        for seconds, error in self.script:
            self.now += seconds
            raise error

    def drop(self, number: int) -> None:
        self.warehouse.versions.add_drop(Drop(GoldVersionNumber(number), "olga", None, 0, "n"))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    warehouse = LoggedWarehouse(tmp_path / "hdfs")
    builder: Any = Builder(Settings(home=tmp_path / "home", warehouse=LAYOUT.root), warehouse.files)
    builder.trino = Silent()
    made = World(warehouse, builder)
    monkeypatch.setattr(rebuild, "time", made)
    monkeypatch.setattr(retry, "time", made)
    monkeypatch.setattr(Rebuild, "_build_history", lambda *_: made.attempt())
    monkeypatch.setattr(Rebuild, "_catch_up", lambda self: self._version)
    return made


@pytest.mark.parametrize("seconds", [1.0, HOUR])
def test_a_step_that_fails_is_tried_so_often_however_long_it_takes(world: World, seconds: float) -> None:
    with pytest.raises(RawBuildError):
        world.rebuild([(seconds, RAW)] * 100).run()
    assert world.tried == ATTEMPTS


def test_a_snapshot_counts_the_failures_anew(world: World) -> None:
    made = world.rebuild([(1.0, RAW)] * 100)
    rows = iter(range(1, 4))

    world.meanwhile = lambda: next(rows, None) and world.warehouse.snapshot(made._version, built_before=1)
    with pytest.raises(RawBuildError):
        made.run()
    assert world.tried == 3 + ATTEMPTS - 1


def test_what_is_too_large_is_tried_as_long_as_it_can_shrink(world: World) -> None:
    """Each attempt is a long slice that does not fit in the end."""
    world.rebuild([(HOUR / 3, TOO_LARGE)] * 9).run()
    assert world.tried == 10


def test_what_cannot_shrink_any_more_is_a_failure(world: World) -> None:
    world.builder._parts = 1024
    with pytest.raises(BuildFailedError):
        world.rebuild([(HOUR, TOO_LARGE)] * 100).run()
    assert world.tried == ATTEMPTS


@pytest.mark.parametrize("seconds", [0.1, 95.0])
def test_a_server_may_be_away_for_a_while(world: World, seconds: float) -> None:
    """Whether it refuses at once or says nothing until the client has had enough."""
    with pytest.raises(NotReadyError):
        world.rebuild([(seconds, AWAY)] * 1000).run()
    assert world.now == pytest.approx(SERVER_TIMEOUT, abs=seconds + PAUSE)


def test_time_at_work_is_not_time_away(world: World) -> None:
    """A server that goes away once an hour is waited for each time."""
    world.rebuild([(HOUR, AWAY), (0.1, AWAY), (0.1, AWAY)] * 5).run()
    assert world.tried == 16


def test_hdfs_may_be_away_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is when the rebuild asks how far it has come."""
    real = LocalFiles.list

    def away_until_the_next_attempt(files: LocalFiles, path: str) -> list[Entry]:
        if 0 < world.now < PAUSE:
            raise NotReadyError("HDFS does not answer")
        return real(files, path)

    monkeypatch.setattr(LocalFiles, "list", away_until_the_next_attempt)
    world.rebuild([(0.1, AWAY)]).run()
    assert world.tried == 2


KILLED = 'TrinoUserError(type=USER_ERROR, name=ADMINISTRATIVELY_KILLED, message="Query killed. Message: a new builder")'


@pytest.mark.parametrize(
    "error",
    [QueryFailedError("Query killed (ADMINISTRATIVELY_KILLED)"), BuildFailedError(KILLED, is_lasting=True), RAW],
    ids=["in the copy", "in a slice", "before Trino"],
)
def test_what_is_dropped_while_it_is_built_ends_as_dropped(world: World, error: LakehouseError) -> None:
    """Whoever drops it ends the query that builds it, too; its builder removes the tables."""
    made = world.rebuild([(1.0, error)] * 2)
    number = made._version.version
    schema = LAYOUT.version_schema(number, tables.GOLD_SCHEMA)
    world.warehouse.files.write(f"{schema}/merchant_sales-1/data.parquet", b"")

    world.meanwhile = lambda: world.drop(number)
    with pytest.raises(DroppedError, match="has been dropped"):
        build_or_wait(world.builder, made._version, lambda _: None, lambda _: None)
    assert world.tried == 1
    assert not world.warehouse.files.list(schema)
    assert ProgressFile(world.warehouse.files, LAYOUT, number).failed() is None


def test_what_has_failed_for_good_says_so(world: World) -> None:
    made = world.rebuild([(1.0, SqlError("no such column", "COLUMN_NOT_FOUND"))])
    with pytest.raises(SqlError):
        made.run()
    failed = ProgressFile(world.warehouse.files, LAYOUT, made._version.version).failed()
    assert failed is not None
    assert (failed.failure, failed.is_lasting) == ("no such column (COLUMN_NOT_FOUND)", True)


@pytest.mark.parametrize(("plan", "snapshots"), [(CANDIDATE, []), (BOUNDED, [2])], ids=["all of history", "some days"])
def test_only_the_first_build_upon_a_copy_compares_columns(world: World, plan: Plan, snapshots: list[int]) -> None:
    version = world.warehouse.version(plan)
    made, found = Rebuild(world.builder, version), []
    for number in (1, 2, 3):
        last = world.warehouse.versions.latest_snapshot(version.version)
        found += [number] if made._whole(BronzeCursor(FIRST_GENERATION, 1), last).upon_a_copy else []
        world.warehouse.snapshot(version, built_before=number)
    assert found == snapshots
