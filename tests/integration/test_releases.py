"""Reprocess, promote, rollback and drop on the real HDFS and Trino, against the naive computation."""

from dataclasses import replace
from datetime import timedelta
from functools import partialmethod
from pathlib import Path
from shutil import copytree
from threading import Event
from typing import Any

import pytest

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.errors import LakehouseError, RefusedError
from lakehouse.releases.model import Snapshot
from lakehouse.settings import Settings
from lakehouse.transform import catalog, definition
from lakehouse.transform.backfill.plan import ReprocessRequest, Source
from lakehouse.transform.backfill.reprocess import carry_out, start
from lakehouse.transform.building.build import BuildFailedError
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.maintenance.drop import DropRequest, drop
from lakehouse.transform.publishing.rollback import RollbackRequest, rollback
from tests.support.bronze_rows import START, Row, chunks, random_rows
from tests.support.embedded_stack import EmbeddedStack
from tests.support.gold_state import expected_sales, sales, shown_sales, shown_traffic, traffic
from tests.support.naive_models import page_views
from tests.support.planted_bug import plant
from tests.support.stack_warehouse import StackWarehouse

pytestmark = pytest.mark.stack

ROWS = random_rows(seed=4, count=500)
FIRST, SECOND, THIRD = chunks(ROWS, 3)
LATE = [replace(row, seq=row.seq + 10_000) for row in random_rows(seed=9, count=60)]

LATER = [replace(row, seq=row.seq + 20_000) for row in random_rows(seed=10, count=60)]


@pytest.fixture(scope="module")
def warehouse(lake: EmbeddedStack) -> StackWarehouse:
    return StackWarehouse(with_slices_of(60, lake.settings))


@pytest.fixture(scope="module")
def buggy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("project"))


def with_slices_of(rows: int, settings: Settings) -> Settings:
    return settings.model_copy(update={"releases": settings.releases.model_copy(update={"slice_rows": rows})})


def with_the_bug(rows: list[Row]) -> dict[Any, dict[str, int]]:
    return {
        key: {name: 2 * value if name == "returns" else value for name, value in found.items()}
        for key, found in expected_sales(rows).items()
    }


def publish_up_to(builder: Builder, number: int, snapshot: Snapshot) -> Snapshot:
    """Dies before snapshot ``number`` is published."""
    if snapshot.number == number:
        raise LakehouseError("killed")
    builder.versions.add_snapshot(snapshot)
    return snapshot


def leave_only_the_name(warehouse: StackWarehouse, schema: str, table: str) -> None:
    trino = warehouse.builder.trino
    warehouse.files.delete(catalog.location(trino, f"lake.{schema}.{table}"))
    trino.query(f"CALL lake.system.flush_metadata_cache(schema_name => '{schema}', table_name => '{table}')")


def test_a_candidate_is_built_in_slices_and_equals_the_naive_computation(
    warehouse: StackWarehouse, buggy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Day 0 does not fit into a slice. The first slice, one that begins within a day and one that begins with a day
    die with all of their tables written: none of it is there twice in the end. Of one table only the name is left."""
    warehouse.arrive(FIRST, 81)
    assert warehouse.transform.turn().release is not None
    warehouse.arrive(SECOND, 82)
    candidate = start(warehouse.settings, ReprocessRequest(Source.BRONZE, "olga", project=buggy))
    assert warehouse.transform.turn().release is not None
    told: list[str] = []
    for number in (1, 2, 3):
        with monkeypatch.context() as death:
            death.setattr(Builder, "publish", partialmethod(publish_up_to, number))
            with pytest.raises(LakehouseError, match="killed"):
                carry_out(warehouse.settings, candidate, told.append)
        assert warehouse.versions.snapshot_numbers(GoldVersionNumber(2)) == list(range(1, number))
        if number == 1:
            leave_only_the_name(warehouse, "silver_v2", "sales_facts")
    carry_out(warehouse.settings, candidate, told.append)
    assert candidate.version == 2
    assert len(warehouse.versions.snapshot_numbers(GoldVersionNumber(2))) > 3, told
    log = warehouse.trino.query('SELECT operation FROM lake.silver_v2."events$history"')
    assert {"MERGE", "WRITE"} <= {commit["operation"] for commit in log}
    assert sales(warehouse.trino, 2) == with_the_bug(FIRST + SECOND)
    assert traffic(warehouse.trino, 2) == page_views(FIRST + SECOND)
    assert shown_sales(warehouse.trino) == expected_sales(FIRST + SECOND)


def test_promote_and_rollback_are_one_release_each(warehouse: StackWarehouse) -> None:
    before = warehouse.log.current()
    assert before is not None
    number = warehouse.promote(2)
    assert number == before.number + 1
    assert warehouse.transform.turn().release is None
    assert shown_sales(warehouse.trino) == with_the_bug(FIRST + SECOND)
    with pytest.raises(RefusedError, match="readers see already"):
        warehouse.promote(2)
    back = rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", reason="twice"))
    assert (back.number, back.release.gold_version, back.release.reason) == (number + 1, 1, "twice")
    warehouse.transform.rest(Event(), seconds=2)  # the service shows it between two cycles
    assert shown_sales(warehouse.trino) == expected_sales(FIRST + SECOND)
    with pytest.raises(RefusedError, match="already"):
        rollback(warehouse.log, warehouse.versions, RollbackRequest("olga"))


def test_the_exact_release_is_held_until_an_operator_publishes(warehouse: StackWarehouse) -> None:
    held = rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1), exact=True))
    assert held.release.held
    warehouse.arrive(THIRD, 83)
    outcome = warehouse.transform.turn()
    assert outcome.snapshot is not None
    assert outcome.release is None
    assert shown_sales(warehouse.trino) == expected_sales(FIRST)
    rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1)))
    warehouse.transform.turn()
    assert shown_sales(warehouse.trino) == expected_sales(ROWS)


def test_promote_brings_the_candidate_to_its_parents_commits(warehouse: StackWarehouse) -> None:
    warehouse.promote(2)
    warehouse.transform.turn()
    assert shown_sales(warehouse.trino) == with_the_bug(ROWS)
    current, newest = warehouse.log.current(), warehouse.versions.latest_snapshot(GoldVersionNumber(1))
    assert current is not None
    assert newest is not None
    assert current.release.bronze == newest.bronze


def test_only_the_days_between_are_reprocessed(warehouse: StackWarehouse) -> None:
    """The current version counts refunds twice; the right definition from day 20 to day 36 mends that span alone."""
    since, until = START + timedelta(days=20), START + timedelta(days=36, hours=5)
    candidate = start(warehouse.settings, ReprocessRequest(Source.BRONZE, "olga", since=since, until=until))
    carry_out(warehouse.settings, candidate, lambda _: None)
    wrong, right = with_the_bug(ROWS), expected_sales(ROWS)
    end = START + timedelta(days=37)
    expected = {key: (right if since <= key[1] < end else wrong)[key] for key in wrong}
    assert sales(warehouse.trino, candidate.version) == expected
    warehouse.arrive(LATE, 84)
    warehouse.promote(candidate.version)


def test_what_is_unchanged_is_shared(warehouse: StackWarehouse, tmp_path: Path) -> None:
    """Only the model of traffic is another: all the rest belongs to the version that it is built beside."""
    project = tmp_path / "dbt_project"
    copytree(definition.PROJECT, project)
    model = project / "models" / "gold" / "merchant_traffic.sql"
    model.write_text(model.read_text().replace("count(*) as page_views", "2 * count(*) as page_views"))
    before = warehouse.log.current()
    assert before is not None
    candidate = start(warehouse.settings, ReprocessRequest(Source.BRONZE, "olga", reuse=True, project=project))
    carry_out(warehouse.settings, candidate, lambda _: None)
    newest = warehouse.versions.latest_snapshot(candidate.version)
    assert newest is not None
    own = {name for name, state in newest.tables.items() if state.schema.endswith(f"_v{candidate.version}")}
    assert own == {"gold.merchant_traffic"}
    warehouse.transform.turn()
    shown = shown_sales(warehouse.trino)
    warehouse.promote(candidate.version)
    warehouse.transform.turn()
    assert shown_sales(warehouse.trino) == shown
    assert shown_traffic(warehouse.trino) == {key: 2 * n for key, n in page_views(ROWS + LATE).items()}
    with pytest.raises(RefusedError, match="shares tables"):
        drop(warehouse.builder, DropRequest(before.release.gold_version, "olga"))
    warehouse.arrive(LATER, 85)
    assert warehouse.transform.turn().release is not None
    assert shown_traffic(warehouse.trino) == {key: 2 * n for key, n in page_views(ROWS + LATE + LATER).items()}


def test_bounds_lose_nothing_of_what_raw_files_have_and_the_base_has_not(warehouse: StackWarehouse) -> None:
    """While raw files are made into bronze events come in, with times within the bounds and outside of them."""
    current = warehouse.log.current()
    assert current is not None
    more = [replace(row, seq=row.seq + 30_000) for row in random_rows(seed=11, count=120)]
    since, until = START + timedelta(days=20), START + timedelta(days=37)
    request = ReprocessRequest(
        Source.RAW, "olga", since=since, until=until, fingerprint=current.release.definition.fingerprint
    )
    candidate = start(warehouse.settings, request)
    assert candidate.plan is not None
    warehouse.make_generation(candidate.plan.bronze.generation, ROWS + LATE + LATER + more)
    carry_out(with_slices_of(400, warehouse.settings), candidate, lambda _: None)
    expected = page_views(ROWS + LATE + LATER + more)
    assert expected != page_views(ROWS + LATE + LATER)
    assert traffic(warehouse.trino, candidate.version) == {key: 2 * n for key, n in expected.items()}


def test_drop(warehouse: StackWarehouse, buggy: Path) -> None:
    with pytest.raises(RefusedError, match="what readers see"):
        drop(warehouse.builder, DropRequest(GoldVersionNumber(4), "olga"))
    with pytest.raises(RefusedError, match="shown to readers"):
        drop(warehouse.builder, DropRequest(GoldVersionNumber(2), "olga"))
    candidate = start(warehouse.settings, ReprocessRequest(Source.BRONZE, "olga", project=buggy))
    drop(warehouse.builder, DropRequest(candidate.version, "olga", "no"))
    with pytest.raises(RefusedError, match="dropped"):
        carry_out(warehouse.settings, candidate, lambda _: None)
    with pytest.raises(RefusedError, match="dropped"):
        warehouse.promote(candidate.version)
    assert not warehouse.trino.query(f"SHOW SCHEMAS FROM lake LIKE 'gold_v{candidate.version}'")


@pytest.mark.parametrize(
    ("model", "before", "after", "column"),
    [
        ("silver/events.sql", "as bigint) as snapshot", "as bigint) as snapshot, true as is_new", "is_new"),
        ("gold/merchant_traffic.sql", "'bigint'}", "'bigint', 'visits': 'bigint'}", "visits"),
    ],
)
def test_another_column_needs_all_of_history(
    warehouse: StackWarehouse, tmp_path: Path, model: str, before: str, after: str, column: str
) -> None:
    """What is copied from the base has it not: the first slice is refused, before it writes to that table."""
    project = Path(copytree(definition.PROJECT, tmp_path / "dbt_project"))
    path = project / "models" / model
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    since = START + timedelta(days=20)
    candidate = start(warehouse.settings, ReprocessRequest(Source.BRONZE, "olga", since=since, project=project))
    with pytest.raises(BuildFailedError, match=f"(?s)other columns.*: {column}\\..*without --since and --until"):
        carry_out(warehouse.settings, candidate, lambda _: None)
    assert warehouse.versions.snapshot_numbers(candidate.version) == [1]
    drop(warehouse.builder, DropRequest(candidate.version, "olga"))
