"""A vacuum at any moment of any history leaves what must stay readable, and nothing else that is old."""

import random
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import table_files
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.releases.model import TableState
from lakehouse.settings import ReleaseSettings, Settings
from lakehouse.table_files import BrokenLogError
from lakehouse.transform.maintenance import vacuum
from lakehouse.transform.maintenance.vacuum import Moment
from tests.support.tiny_warehouse import LAYOUT, NAMES, Catalogue, Table, TinyWarehouse, Version

TERMS = ReleaseSettings(retention=timedelta(days=5), silver_window=timedelta(days=1), vacuum_margin=timedelta(hours=1))
STEPS = ("cycle", "cycle", "cycle", "wait", "wait", "candidate", "slice", "feed", "promote", "drop", "orphan")
MORE = ("checkpoint", "bad checkpoint", "back", "vacuum", "killed vacuum")


class Killed(Exception):
    pass


class History:
    """Plays steps, and knows what must be readable without asking the code under test."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.chance = chance
        self.warehouse = TinyWarehouse(root)
        self.settings = Settings(home=root / "home", warehouse=LAYOUT.root, releases=TERMS)
        first = self.warehouse.create()
        self.warehouse.snapshot(first)
        self.warehouse.release(first)

    def step(self, name: str) -> None:
        w, chance = self.warehouse, self.chance
        candidates = [v for v in w.versions if v.plan and not v.is_dropped and v is not w.current]
        version = chance.choice(candidates) if candidates else None
        match name:
            case "cycle":
                self._build(w.current)
                w.release(w.current)
            case "wait":
                w.now += chance.choice([timedelta(minutes=20), timedelta(hours=5), timedelta(days=2)])
            case "candidate":
                w.beside(w.current, shared=chance.random() < 0.5)
            case "slice" if version is not None and not self._is_built(version):
                self._build(version, built_before=7)
            case "feed" if version is not None:
                self._build(version)
            case "promote" if version is not None and version.snapshots:
                self._build(version)
                w.release(version)
            case "back" if len(w.releases) > 1:
                former = w.versions[chance.choice(w.releases)[0].gold_version - 1]
                if not former.is_dropped:
                    w.release(former)
            case "drop" if version is not None:
                w.drop(version)
            case "orphan":
                w.leave_orphans(chance.choice(w.tables))
            case "checkpoint" | "bad checkpoint":
                w.checkpoint(chance.choice(w.tables), lies=name.startswith("bad"))
            case "vacuum":
                self.vacuum()
            case "killed vacuum":
                self.vacuum(die_after=chance.randrange(4))

    @staticmethod
    def _is_built(version: Version) -> bool:
        """No slice comes after that."""
        return bool(version.snapshots) and version.snapshots[-1].built_before is None

    def _build(self, version: Version, built_before: int | None = None) -> None:
        w = self.warehouse
        shared = [t for v in w.versions if v is not version and not v.is_dropped for t in v.tables.values()]
        for name, table in version.tables.items():
            if table in shared:
                continue
            if name == NAMES[0] or self.chance.random() < 0.2:
                w.rewrite(table, self.chance)
            else:
                w.append(table)
        w.snapshot(version, built_before=built_before)

    def vacuum(self, die_after: int | None = None) -> None:
        w = self.warehouse
        at = Moment(w.now, w.now - TERMS.vacuum_margin)
        gone: list[int] = []

        def say(size: int) -> None:
            gone.append(size)
            if len(gone) == die_after:
                raise Killed

        plan = vacuum.plan(w.files, LAYOUT, TERMS, at)
        young = {id(table): w.lying(table) - w.lying(table, older_than=at.cutoff) for table in w.tables}
        catalogue = Catalogue(w)
        try:
            vacuum.carry_out(plan, catalogue, w.files, self.settings, say)  # type: ignore[arg-type]
        except Killed:
            return
        self.check(at)
        assert {state.schema for state in self.wanted(at.now)} <= {schema for schema, _ in catalogue.tables}
        assert all(young[id(table)] <= w.lying(table) for table in w.tables if not self._is_gone(table))
        assert vacuum.plan(w.files, LAYOUT, TERMS, at).files == 0

    def wanted(self, now: datetime) -> list[TableState]:
        """Everything that somebody may still ask for."""
        w, found = self.warehouse, list[TableState]()
        for place, (release, _) in enumerate(w.releases):
            left = w.releases[place + 1][1] if place + 1 < len(w.releases) else now
            silver, gold = (release.tables[name] for name in NAMES)
            found += [gold] if left >= now - TERMS.retention - TERMS.vacuum_margin else []
            found += [silver] if left >= now - TERMS.silver_window - TERMS.vacuum_margin else []
        for version in w.versions:
            if version.is_dropped and version is not w.current:
                continue
            for place, snapshot in enumerate(version.snapshots):
                left = version.published[place + 1] if place + 1 < len(version.published) else now
                if left >= now - TERMS.silver_window - TERMS.vacuum_margin:
                    found += snapshot.tables.values()
            base = version.plan.base if version.plan else None
            if base is not None and not self._is_built(version):
                beside = w.versions[base.gold_version - 1]
                found += beside.snapshots[base.snapshot - beside.first].tables.values()
        return found

    def check(self, at: Moment) -> None:
        w, wanted = self.warehouse, self.wanted(at.now)
        assert all(w.readable(state) for state in wanted)
        assert not any(table_files.missing(w.files, state.location, state.delta_version) for state in wanted)
        for table in w.tables:
            mine = [state.delta_version for state in wanted if state.location == table.folder]
            assert w.lying(table, older_than=at.cutoff) <= self._may_lie(table, mine)
        assert not [e for e in w.files.list(LAYOUT.staging) if e.modified < at.now - vacuum.STAGING_DAYS]

    def _may_lie(self, table: Table, wanted: list[int]) -> set[str]:
        if not wanted:
            return set() if self._is_gone(table) else set().union(*table.states)
        return set().union(*table.states[min(wanted) :])

    def _is_gone(self, table: Table) -> bool:
        owners = [v for v in self.warehouse.versions if table in v.tables.values()]
        return all(v.is_dropped and v is not self.warehouse.current for v in owners)


@settings(max_examples=60)
@given(steps=st.lists(st.sampled_from((*STEPS, *MORE)), min_size=10, max_size=40), seed=st.integers(0, 10**6))
def test_what_must_stay_readable_stays_and_nothing_else_that_is_old(steps: list[str], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), random.Random(seed))
        for name in steps:
            history.step(name)
        history.vacuum()
        history.warehouse.now += timedelta(days=30)
        history.vacuum()


@pytest.fixture
def warehouse(tmp_path: Path) -> TinyWarehouse:
    return TinyWarehouse(tmp_path)


def plan(
    w: TinyWarehouse, restated_through: ReleaseNumber | None = None, cutoff: datetime | None = None
) -> vacuum.Plan:
    at = Moment(w.now, cutoff or w.now - TERMS.vacuum_margin)
    return vacuum.plan(w.files, LAYOUT, TERMS, at, restated_through)


def rewritten(w: TinyWarehouse, cycles: int) -> None:
    """A release every ten days, each of which replaces all files of gold and silver."""
    version = w.create()
    for _ in range(cycles):
        for table in version.tables.values():
            w.commit(table, added=[w.data_file(table)], removed=sorted(table.live))
        w.snapshot(version)
        w.release(version)
        w.now += timedelta(days=10)


def test_a_former_state_goes_once_its_release_is_beyond_the_retention(warehouse: TinyWarehouse) -> None:
    rewritten(warehouse, 3)
    files, layout = warehouse.files, LAYOUT
    assert len(files.list(layout.releases)) == 3
    # The first file of each table, the one of release 1, and (of silver and gold alike) that of release 2.
    assert sorted(len(table.files) for table in plan(warehouse).tables) == [3, 3]


def test_restatements_that_are_not_computed_yet_are_waited_for(warehouse: TinyWarehouse) -> None:
    rewritten(warehouse, 4)
    gone = {n: len(plan(warehouse, ReleaseNumber(n)).tables[0].files) for n in (1, 2, 3, 4)}
    assert [table.layer for table in plan(warehouse).tables] == ["gold", "silver"]
    assert gone == {1: 1, 2: 2, 3: 3, 4: 4}
    assert len(plan(warehouse, ReleaseNumber(1)).tables[1].files) == 4, "restatements do not read silver"


def test_a_file_of_a_writer_that_still_runs_stays(warehouse: TinyWarehouse) -> None:
    rewritten(warehouse, 1)
    warehouse.leave_orphans(next(iter(warehouse.tables)))
    written = warehouse.now
    warehouse.now += timedelta(days=1)
    assert plan(warehouse, cutoff=written - timedelta(hours=1)).tables[1].files != ()  # what the first merge replaced
    orphans = {e.path for t in plan(warehouse).tables for e in t.files} - {
        e.path for t in plan(warehouse, cutoff=written).tables for e in t.files
    }
    assert len(orphans) == 2


def test_the_log_stays_whole(warehouse: TinyWarehouse) -> None:
    """Trino reads a table's first commit when it writes, whatever a later checkpoint says."""
    rewritten(warehouse, 3)
    warehouse.checkpoint(warehouse.versions[0].tables["gold.merchant_sales"])
    rewrites(warehouse, 2)
    assert {table.log for table in plan(warehouse).tables} == {()}


def test_nothing_goes_of_a_needed_table_whose_log_is_lost(warehouse: TinyWarehouse) -> None:
    """Its data files are what the log would be put back to. Of a table that nobody names, nothing has been committed:
    that is what a killed creation leaves."""
    rewritten(warehouse, 2)
    table = warehouse.versions[0].tables["gold.merchant_sales"]
    unnamed = f"{LAYOUT.version_schema(GoldVersionNumber(1), 'gold')}/half-made/file"
    warehouse.write(unnamed, b"x")
    warehouse.now += timedelta(days=100)
    assert unnamed in {entry.path for one in plan(warehouse).tables for entry in one.files}
    warehouse.files.delete(f"{table.folder}/_delta_log")
    with pytest.raises(BrokenLogError, match=f"{table.folder}.* is needed, and its log is empty"):
        plan(warehouse)


def rewrites(w: TinyWarehouse, count: int) -> None:
    version = w.versions[0]
    for _ in range(count):
        for table in version.tables.values():
            w.append(table)
        w.snapshot(version)
        w.release(version)
        w.now += timedelta(days=10)
