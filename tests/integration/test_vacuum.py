"""Vacuum on HDFS and Trino: space comes back, what readers may ask for stays, and the line goes on."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse import table_files
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.contracts.ids import SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError, RefusedError
from lakehouse.releases import restated
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import BronzeCursor, Drop, Plan, TableState, new_nonce
from lakehouse.releases.versions import Versions
from lakehouse.settings import ReleaseSettings, Settings
from lakehouse.transform import catalog, definition
from lakehouse.transform.building.build import Build, run
from lakehouse.transform.history import restatements
from lakehouse.transform.maintenance import removal, sizes
from lakehouse.transform.maintenance import vacuum as work
from lakehouse.transform.service import Transform
from tests.support.bronze_rows import START, Row, chunks, random_rows, write
from tests.support.embedded_stack import EmbeddedStack
from tests.support.gold_state import expected_sales, newest, sales

pytestmark = pytest.mark.stack

ROWS = random_rows(seed=4, count=300)
STEPS = 4


@pytest.fixture(scope="module")
def warehouse(lake: EmbeddedStack) -> EmbeddedStack:
    """HDFS and Trino; a release for each of all but the last of ``STEPS`` bronze commits."""
    lake.environment["LAKEHOUSE_RELEASES__VACUUM_MARGIN"] = "PT0S"
    lake.environment["LAKEHOUSE_RELEASES__SILVER_WINDOW"] = "PT0S"
    settings = lake.settings.model_copy(
        update={"transform": lake.settings.transform.model_copy(update={"max_rows_per_cycle": 1})}
    )
    steps = list(chunks(ROWS, STEPS))
    _bronze(settings, steps[:-1], day=81)
    write(f"{settings.hdfs_url}{Layout(settings.warehouse).quarantine(FIRST_GENERATION)}", [[]], START)
    transform = Transform(settings)
    for number, _ in enumerate(steps[:-1], start=1):
        assert transform.turn().release is not None
        if number == 2:
            compact_gold(settings)
    return replace(lake, settings=settings)


@pytest.fixture
def files(warehouse: EmbeddedStack) -> HdfsFiles:
    return HdfsFiles(warehouse.settings.hdfs_url)


@pytest.fixture
def layout(warehouse: EmbeddedStack) -> Layout:
    return Layout(warehouse.settings.warehouse)


@pytest.fixture
def trino(warehouse: EmbeddedStack) -> Trino:
    return Trino.of(warehouse.settings, user=TRANSFORM_USER)


def _bronze(settings: Settings, commits: list[list[Row]], day: int) -> None:
    write(
        f"{settings.hdfs_url}{Layout(settings.warehouse).bronze(FIRST_GENERATION)}",
        commits,
        START + timedelta(days=day),
    )


def compact_gold(settings: Settings) -> None:
    """So that gold has rewritten files, too."""
    trino = Trino.of(settings, user=TRANSFORM_USER)
    for table in tables.GOLD_TABLES:
        trino.query(f"ALTER TABLE lake.gold_v1.{table} EXECUTE optimize")


def shown(trino: Trino, published: Published) -> Any:
    """What a release shows in SQL, from its own Delta version."""
    state = published.release.tables["gold.merchant_sales"]
    rows = trino.query(
        f"SELECT * FROM lake.{state.schema}.merchant_sales FOR VERSION AS OF {state.delta_version} ORDER BY snapshot"
    )
    return newest(rows, published.release.snapshot)


def vacuum(stack: EmbeddedStack, *arguments: str, retention: timedelta) -> dict[str, Any]:
    stack.environment["LAKEHOUSE_RELEASES__RETENTION"] = f"PT{retention.total_seconds():.3f}S"
    done = stack.run("vacuum", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def states(published: Published, layer: str) -> Iterator[TableState]:
    return (state for name, state in published.release.tables.items() if name.startswith(f"{layer}."))


def is_whole(files: HdfsFiles, state: TableState) -> bool:
    return not table_files.missing(files, state.location, state.delta_version)


def test_what_is_retained_is_read_as_before_and_the_rest_goes(
    warehouse: EmbeddedStack, files: HdfsFiles, layout: Layout, trino: Trino
) -> None:
    log = ReleaseLog(files, layout)
    for number in range(12):  # so that a checkpoint takes the place of commits
        trino.query(f"COMMENT ON TABLE lake.silver_v1.events IS 'commit {number}'")
    _bronze(warehouse.settings, list(chunks(ROWS, STEPS))[-1:], day=82)
    assert Transform(warehouse.settings).turn().release is not None
    restatements.update(trino, files, layout, log)
    releases = log.refresh()
    kept = releases[-2:]
    before = {published.number: shown(trino, published) for published in releases}
    cost = sizes.costs(files, layout, releases)[0]
    orphan = f"{next(states(releases[-1], 'silver')).location}/left-by-a-killed-writer"
    files.write(orphan, b"x")

    # Release N is beyond the retention once that has passed since release N + 1.
    at = work.moment(trino, files, layout, timedelta())
    terms = ReleaseSettings(
        retention=at.now - kept[0].released_at - timedelta(milliseconds=1),
        silver_window=timedelta(),
        vacuum_margin=timedelta(),
    )
    planned = work.plan(files, layout, terms, at, restated.restated_through(files, layout))
    assert all(is_whole(files, state) for one in releases for state in one.release.tables.values())
    work.carry_out(planned, trino, files, warehouse.settings)
    done = planned.document()
    assert {row["table"] for row in done["tables"]} >= {"gold_v1.merchant_sales", "silver_v1.events"}

    trino.query("CALL lake.system.flush_metadata_cache()")
    for published in kept:
        assert shown(trino, published) == before[published.number]
    assert all(is_whole(files, state) for state in releases[-1].release.tables.values())
    assert not all(is_whole(files, state) for state in states(releases[0], "silver"))
    assert not [entry for entry in files.list(orphan.rpartition("/")[0]) if entry.path == orphan]
    left = sizes.costs(files, layout, releases)[0]
    assert left.silver < cost.silver
    assert cost.total - left.total == done["bytes"] - done["staging"]["bytes"] - 1  # the orphan came later
    for view in ("gold.merchant_sales", "silver.events", "silver.duplicates"):
        trino.query(f"SELECT count(*) FROM lake.{view}")


def test_a_second_vacuum_finds_nothing_and_the_line_goes_on(
    warehouse: EmbeddedStack, files: HdfsFiles, layout: Layout, trino: Trino
) -> None:
    planned = vacuum(warehouse, "--dry-run", retention=timedelta())
    assert vacuum(warehouse, retention=timedelta()) == planned | {"dry_run": False}
    assert vacuum(warehouse, retention=timedelta())["files"] == 0
    more = [replace(row, seq=row.seq + 10_000) for row in random_rows(seed=5, count=60)]
    _bronze(warehouse.settings, [more], day=83)
    outcome = Transform(warehouse.settings).turn()
    assert outcome.release is not None
    assert sales(trino, 1) == expected_sales(ROWS + more)
    # Its restatements are not computed yet: the release before stays as it was shown.
    vacuum(warehouse, retention=timedelta())
    former = ReleaseLog(files, layout).refresh()[-2]
    assert all(is_whole(files, state) for state in states(former, "gold"))
    assert shown(trino, former) == expected_sales(ROWS)


def test_a_dropped_version_goes_and_its_documents_stay(
    warehouse: EmbeddedStack, files: HdfsFiles, layout: Layout, trino: Trino
) -> None:
    settings, versions = warehouse.settings, Versions(files, layout)
    frozen = definition.freeze(files, layout, definition.PROJECT)
    plan = Plan("bronze", BronzeCursor(FIRST_GENERATION, STEPS), None, "operator")
    version = versions.create(frozen, plan)
    catalog.prepare(trino, settings, layout, version.version, FIRST_GENERATION)
    project = definition.thaw(files, layout, frozen, settings.home_path)
    run(
        settings,
        project,
        Build(version.version, SnapshotNumber(1), FIRST_GENERATION, -1, STEPS, settings.transform.order_repeat_days),
    )
    trino.query(f"CREATE VIEW lake.silver_v{version.version}.events{catalog.DBT_TEMPORARY} AS SELECT 1 AS killed")
    vacuum(warehouse, retention=timedelta())
    assert sales(trino, version.version) == sales(trino, 1), "a candidate without a snapshot is being built"

    with pytest.raises(RefusedError, match="has not been dropped"):
        removal.remove_version(trino, files, layout, version.version, settings.releases, datetime.now(UTC))
    versions.add_drop(Drop(version.version, "operator", "a trial", time.time_ns() // 1000, new_nonce()))
    done = vacuum(warehouse, retention=timedelta())
    assert {row["table"] for row in done["tables"] if row["whole"]} >= {
        f"gold_v{version.version}.merchant_sales",
        f"silver_v{version.version}.events",
    }
    schemas = {row["Schema"] for row in trino.query("SHOW SCHEMAS FROM lake")}
    assert not schemas & {f"silver_v{version.version}", f"gold_v{version.version}"}
    assert {entry.name for entry in files.list(layout.gold_version(version.version))} >= {"version.json"}
    assert not list(removal.table_folders(files, layout, version.version))
    assert vacuum(warehouse, retention=timedelta())["files"] == 0
    removal.remove_version(trino, files, layout, version.version, settings.releases, datetime.now(UTC))
    with pytest.raises(LakehouseError):
        trino.query(f"SELECT 1 FROM lake.gold_v{version.version}.merchant_sales")
    assert {cost.version for cost in sizes.costs(files, layout, ReleaseLog(files, layout).refresh())} == {1}
