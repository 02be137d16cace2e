"""The models on the real Trino: built in steps they equal a full rebuild, and both equal the naive computation."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.columns import GOLD_COLUMNS, SILVER_COLUMNS
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError
from lakehouse.ledger.proof import SILVER, Proof
from lakehouse.ledger.prove import Prover
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Definition, GoldVersion, Release
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform import catalog, definition, views
from lakehouse.transform.building.build import Build, BuildFailedError, run
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.gold_columns import Columns, missing_measures
from lakehouse.transform.service import Transform
from tests.support import naive_models
from tests.support.bronze_rows import START, chunks, random_rows, write
from tests.support.embedded_stack import EmbeddedStack
from tests.support.gold_state import expected_sales, sales, traffic
from tests.support.stack_warehouse import in_steps

pytestmark = pytest.mark.stack

ROWS = random_rows(seed=20261123, count=500)
STEPS = 4
LATER = [replace(row, seq=row.seq + 10_000) for row in random_rows(seed=7, count=40)]


@pytest.fixture(scope="module")
def warehouse(lake: EmbeddedStack) -> Settings:
    """HDFS and Trino without the services, so that nobody else builds; bronze in ``STEPS`` commits, one for a cycle."""
    return in_steps(lake.settings, ROWS, STEPS)


@pytest.fixture(scope="module")
def stepped(warehouse: Settings) -> int:
    """The gold version that cycles have built, one bronze commit after the other."""
    cycle = Transform(warehouse)
    outcomes = [cycle.turn() for _ in range(STEPS)]
    assert [outcome.rows for outcome in outcomes] == [len(rows) for rows in chunks(ROWS, STEPS)]
    assert cycle.turn().snapshot is None
    return 1


@pytest.fixture(scope="module")
def rebuilt(warehouse: Settings, stepped: int) -> int:
    """Another version, built from all of bronze at once."""
    files, layout, trino = (
        HdfsFiles(warehouse.hdfs_url),
        Layout(warehouse.warehouse),
        Trino.of(warehouse, user=TRANSFORM_USER),
    )
    version = Versions(files, layout).create(definition.freeze(files, layout, definition.PROJECT))
    catalog.prepare(trino, warehouse, layout, version.version, FIRST_GENERATION)
    project = definition.thaw(files, layout, version.definition, warehouse.home_path)
    run(
        warehouse,
        project,
        Build(
            version.version, SnapshotNumber(1), FIRST_GENERATION, -1, STEPS - 1, warehouse.transform.order_repeat_days
        ),
    )
    return version.version


def verdicts(trino: Trino, version: int) -> dict[Any, str]:
    rows = trino.query(
        f"SELECT edge, segment, seq, 'event' AS verdict FROM lake.silver_v{version}.events "
        f"UNION ALL SELECT edge, segment, seq, verdict FROM lake.silver_v{version}.duplicates"
    )
    found = {(row["edge"], row["segment"], row["seq"]): row["verdict"] for row in rows}
    assert len(found) == len(rows), "a position has two verdicts"
    return found


@pytest.mark.parametrize("which", ["stepped", "rebuilt"])
def test_the_models_equal_the_naive_computation(
    warehouse: Settings, which: str, request: pytest.FixtureRequest
) -> None:
    version, trino = request.getfixturevalue(which), Trino.of(warehouse)
    assert verdicts(trino, version) == naive_models.verdicts(ROWS)
    assert sales(trino, version) == expected_sales(ROWS)
    assert traffic(trino, version) == naive_models.page_views(ROWS)


@pytest.mark.parametrize("step", range(1, STEPS))
def test_every_past_snapshot_is_a_filter(warehouse: Settings, stepped: int, step: int) -> None:
    seen = [row for rows in list(chunks(ROWS, STEPS))[:step] for row in rows]
    assert sales(Trino.of(warehouse), stepped, snapshot=step) == expected_sales(seen)


def test_the_tables_have_the_columns_of_the_contracts(warehouse: Settings, stepped: int) -> None:
    for layer, tables in (("silver", SILVER_COLUMNS), ("gold", GOLD_COLUMNS)):
        for name, columns in tables.items():
            found = Trino.of(warehouse).query(f"SHOW COLUMNS FROM lake.{layer}_v{stepped}.{name}")
            assert tuple(row["Column"] for row in found) == columns


def test_the_same_facts_in_both(warehouse: Settings, stepped: int, rebuilt: int) -> None:
    columns = (
        "merchant_id, source, id, event_date, type, business_key, time, currency, gross_sales, orders_cancelled, "
        "counted, unreadable"
    )
    query = f"SELECT {columns} FROM lake.silver_v{{}}.sales_facts WHERE NOT replaced"
    for one, other in ((stepped, rebuilt), (rebuilt, stepped)):
        assert not Trino.of(warehouse).query(f"{query.format(one)} EXCEPT {query.format(other)}")


@pytest.mark.parametrize("which", ["stepped", "rebuilt"])
def test_what_cannot_be_read_is_marked(warehouse: Settings, which: str, request: pytest.FixtureRequest) -> None:
    version = request.getfixturevalue(which)
    query = f"SELECT edge, segment, seq FROM lake.silver_v{version}.sales_facts WHERE unreadable AND NOT replaced"
    found = {(row["edge"], row["segment"], row["seq"]) for row in Trino.of(warehouse).query(query)}
    facts = [row for row in naive_models.winners(ROWS) if row.type in naive_models.SALES]
    expected = {row.position for row in facts if not naive_models.is_readable(row)}
    assert found == expected
    assert 0 < len(expected) < len(facts) / 4


def test_a_model_that_cannot_be_compiled_is_a_failed_build(warehouse: Settings, rebuilt: int, tmp_path: Path) -> None:
    """dbt only skips what reads an ephemeral model that does not compile: no error, and nothing built."""
    project = shutil.copytree(definition.PROJECT, tmp_path / "project")
    model = project / "models" / "silver" / "int_duplicate_candidates.sql"
    model.write_text(model.read_text().replace("-- depends_on: {{ ref('touched_days') }}", ""))
    with pytest.raises(BuildFailedError, match="ompilation"):
        run(
            warehouse,
            project,
            Build(
                GoldVersionNumber(rebuilt),
                SnapshotNumber(2),
                FIRST_GENERATION,
                -1,
                STEPS - 1,
                warehouse.transform.order_repeat_days,
            ),
        )


def test_the_release_log_has_one_release_a_step(warehouse: Settings, stepped: int) -> None:
    log = ReleaseLog(HdfsFiles(warehouse.hdfs_url), Layout(warehouse.warehouse))
    assert [p.release.snapshot for p in log.refresh()] == list(range(1, STEPS + 1))


def test_the_views_show_the_current_release(warehouse: Settings, stepped: int) -> None:
    shown = Trino.of(warehouse).query(
        "SELECT sum(gross_sales) AS total, max(release) AS release FROM lake.gold.merchant_sales"
    )
    expected = sum(found.get("gross_sales", 0) for found in naive_models.sales(ROWS).values())
    assert (int(shown[0]["total"]), shown[0]["release"]) == (expected, STEPS)


def test_what_a_release_lacks_is_zero_or_empty(warehouse: Settings, stepped: int) -> None:
    """As a definition without returns and without traffic would be shown; readers' columns stay what they are."""
    trino, current = Trino.of(warehouse, user=TRANSFORM_USER), as_it_is(warehouse, stepped)
    columns = Columns(trino)
    tables = {name: state for name, state in current.tables.items() if name != "gold.merchant_traffic"}
    described = [trino.query(f"SHOW COLUMNS FROM lake.gold.{name}") for name in ("merchant_sales", "merchant_traffic")]
    whole = columns.of_gold(current.tables)
    assert missing_measures(whole) == []
    first, then = views.statements(
        msgspec.structs.replace(current, tables=tables), {"merchant_sales": whole["merchant_sales"] - {"returns"}}
    )
    for sql in (*first, *then):
        trino.query(sql)
    assert trino.query("SELECT sum(returns) AS n FROM lake.gold.merchant_sales_hourly") == [{"n": 0}]
    assert trino.query("SELECT count(*) AS n FROM lake.gold.merchant_traffic_hourly") == [{"n": 0}]
    assert described == [
        trino.query(f"SHOW COLUMNS FROM lake.gold.{name}") for name in ("merchant_sales", "merchant_traffic")
    ]
    catalog.show(trino, current, columns)
    assert trino.query("SELECT sum(page_views) > 0 AS some FROM lake.gold.merchant_traffic") == [{"some": True}]


def die(*_: object) -> None:
    raise LakehouseError("killed between the snapshot and its release")


def test_what_a_dead_build_left_behind_is_replaced(
    warehouse: Settings, stepped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a cycle's work lies at the heads of the tables, and the next one dies before it can publish."""
    trino, layout = Trino.of(warehouse, user=TRANSFORM_USER), Layout(warehouse.warehouse)
    before = sales(trino, stepped)
    merchant = next(iter(before))[0]
    trino.query(
        f"INSERT INTO lake.gold_v{stepped}.merchant_sales "
        "SELECT merchant_id, slot, currency, gross_sales + 1, discounts, returns, shipping, tax, orders, "
        "orders_cancelled, units, 99, slot_month "
        f"FROM lake.gold_v{stepped}.merchant_sales WHERE merchant_id = '{merchant}'"
    )
    write(f"{warehouse.hdfs_url}{layout.bronze(FIRST_GENERATION)}", [LATER], START + timedelta(days=82))
    with monkeypatch.context() as death:
        death.setattr("lakehouse.transform.cycle.publish_snapshot", die)
        with pytest.raises(LakehouseError, match="killed"):
            Transform(warehouse).turn()
    outcome = Transform(warehouse).turn()
    assert outcome.release is not None
    assert outcome.release.release.snapshot == STEPS + 1
    assert Transform(warehouse).turn().release is None
    assert outcome.snapshot is not None
    assert outcome.snapshot.number == STEPS + 1
    assert sales(trino, stepped) == expected_sales(ROWS + LATER)


def test_what_a_build_that_was_too_large_has_left_is_put_back(
    warehouse: Settings, stepped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last model did not fit, and all others are written; the next build takes half of its commits."""
    files, layout, trino = HdfsFiles(warehouse.hdfs_url), Layout(warehouse.warehouse), Trino.of(warehouse)
    new = [replace(row, seq=row.seq + 20_000) for row in random_rows(seed=8, count=40)]
    sooner = [
        replace(row, seq=row.seq + 30_000, accepted_at=row.accepted_at - timedelta(minutes=5)) for row in ROWS[:40]
    ]
    transform = warehouse.transform.model_copy(update={"max_rows_per_cycle": len(new + sooner)})
    builder = Builder(warehouse.model_copy(update={"transform": transform}), files)
    write(f"{warehouse.hdfs_url}{layout.bronze(FIRST_GENERATION)}", [new, sooner], START + timedelta(days=83))

    def too_large(*given: Any) -> list[str]:
        run(*given)
        raise BuildFailedError("EXCEEDED_LOCAL_MEMORY_LIMIT", is_too_large=True)

    def consume() -> int:
        version, last = (
            builder.versions.get(GoldVersionNumber(stepped)),
            builder.versions.latest_snapshot(GoldVersionNumber(stepped)),
        )
        assert last is not None
        found = builder.new_commits(GoldVersionNumber(stepped), last.bronze)
        assert found is not None
        assert builder.consume(version, last, found, lambda _: None) is not None
        return found.rows

    with monkeypatch.context() as small:
        small.setattr("lakehouse.transform.building.builder.run", too_large)
        with pytest.raises(BuildFailedError):
            consume()
    assert verdicts(trino, stepped) == naive_models.verdicts(ROWS + LATER + new + sooner)
    for rows, seen in ((new, ROWS + LATER + new), (sooner, ROWS + LATER + new + sooner)):
        assert consume() == len(rows)
        assert verdicts(trino, stepped) == naive_models.verdicts(seen)
        assert sales(trino, stepped) == expected_sales(seen)


def as_it_is(settings: Settings, version: int) -> Release:
    """The newest release, if it showed the tables of a version as they are now."""
    files, layout = HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)
    current = ReleaseLog(files, layout).current()
    assert current is not None
    states = Builder(settings, files).tables.found(GoldVersion(GoldVersionNumber(version), Definition(""), 0, ""))
    return msgspec.structs.replace(current.release, gold_version=version, tables=states)


def proof_of_tables(release: Release, through: int) -> Proof:
    states = {name: release.tables[name] for name in SILVER}
    return Proof(release.gold_version, release.snapshot, release.bronze, through, states, [])


def test_a_proof_holds_until_a_position_of_its_hours_comes_or_goes(warehouse: Settings, stepped: int) -> None:
    """As release 1 showed the tables, against what came with the steps after it."""
    files = HdfsFiles(warehouse.hdfs_url)
    log, prover = ReleaseLog(files, Layout(warehouse.warehouse)), Prover(warehouse, files)
    first, now = log.get(ReleaseNumber(1)).release, log.get(ReleaseNumber(STEPS)).release
    came = sorted(int(row.accepted_at.timestamp()) // 3600 for rows in list(chunks(ROWS, STEPS))[1:] for row in rows)
    for through in (came[0] - 5, came[0], came[0] + 1, came[len(came) // 2], came[-1] + 1):
        assert prover.holds(proof_of_tables(first, through), now) == (through <= came[0])


def test_a_proof_outlives_compaction_and_not_a_lost_row(warehouse: Settings, rebuilt: int) -> None:
    trino = Trino.of(warehouse, user=TRANSFORM_USER)
    prover = Prover(warehouse, HdfsFiles(warehouse.hdfs_url))
    proof = proof_of_tables(as_it_is(warehouse, rebuilt), 10**6)
    trino.query(f"ALTER TABLE lake.silver_v{rebuilt}.events EXECUTE optimize")
    compacted = as_it_is(warehouse, rebuilt)
    assert compacted.tables != proof.tables
    assert prover.holds(proof, compacted)
    lost = trino.query(f"SELECT edge, segment, seq FROM lake.silver_v{rebuilt}.events LIMIT 1")[0]
    trino.query(
        f"DELETE FROM lake.silver_v{rebuilt}.events "
        f"WHERE edge = '{lost['edge']}' AND segment = '{lost['segment']}' AND seq = {lost['seq']}"
    )
    assert not prover.holds(proof, as_it_is(warehouse, rebuilt))
