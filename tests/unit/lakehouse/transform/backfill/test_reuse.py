"""Which tables a definition may share with another, by dbt's comparison of the real project."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.errors import RefusedError
from lakehouse.releases.model import Base, Definition, TableState
from lakehouse.settings import Settings
from lakehouse.transform import definition
from lakehouse.transform.backfill.plan import ReprocessRequest, Source, plan
from lakehouse.transform.backfill.reuse import shared_tables
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.ops_api import requests
from tests.support.logged_warehouse import LAYOUT, LoggedWarehouse
from tests.support.release_documents import snapshot

DAY = datetime(2026, 3, 1, tzinfo=UTC)
GOLD = ("gold.merchant_sales", "gold.merchant_traffic")
SILVER = ("silver.duplicates", "silver.events", "silver.sales_facts")
TABLES = (*GOLD, *SILVER)


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """Version 1 is built with the checked out definition, and has :data:`TABLES`."""
    made = LoggedWarehouse(tmp_path / "hdfs")
    made.versions.create(definition.freeze(made.files, LAYOUT, definition.PROJECT))
    states = {name: TableState("s", f"/{name}", 1) for name in TABLES}
    made.versions.add_snapshot(snapshot(1, 1, states, complete_through=900))
    return Builder(Settings(home=tmp_path / "home", warehouse=LAYOUT.root), made.files)


def changed(builder: Builder, folder: Path, file: str, before: str, after: str) -> Definition:
    copytree(definition.PROJECT, folder)
    text = (folder / file).read_text()
    assert before in text
    (folder / file).write_text(text.replace(before, after, 1))
    return definition.freeze(builder.files, builder.layout, folder)


def test_what_does_not_read_the_changed_model_is_shared(builder: Builder, tmp_path: Path) -> None:
    traffic = changed(builder, tmp_path / "p", "models/gold/merchant_traffic.sql", "count(*)", "2 * count(*)")
    assert shared_tables(builder, traffic, Base(ReleaseNumber(1), GoldVersionNumber(1), SnapshotNumber(1))) == (
        "gold.merchant_sales",
        *SILVER,
    )


def test_what_reads_the_changed_model_is_not(builder: Builder, tmp_path: Path) -> None:
    facts = changed(builder, tmp_path / "p", "models/silver/sales_facts.sql", "false as replaced", "null as replaced")
    assert shared_tables(builder, facts, Base(ReleaseNumber(1), GoldVersionNumber(1), SnapshotNumber(1))) == (
        "gold.merchant_traffic",
        "silver.duplicates",
        "silver.events",
    )


def test_where_one_that_reads_bronze_has_changed_nothing_is_shared(builder: Builder, tmp_path: Path) -> None:
    """Beside the base it would be built from all of bronze, in one query, at every step. ``duplicates`` is the same."""
    events = changed(builder, tmp_path / "p", "models/silver/events.sql", "select", "select\n")
    assert shared_tables(builder, events, Base(ReleaseNumber(1), GoldVersionNumber(1), SnapshotNumber(1))) == ()


def test_where_a_new_model_reads_bronze_nothing_is_shared(builder: Builder, tmp_path: Path) -> None:
    project = Path(copytree(definition.PROJECT, tmp_path / "p"))
    (project / "models" / "gold" / "days.sql").write_text("select * from {{ ref('touched_days') }}")
    new = definition.freeze(builder.files, builder.layout, project)
    assert shared_tables(builder, new, Base(ReleaseNumber(1), GoldVersionNumber(1), SnapshotNumber(1))) == ()


def test_another_value_of_a_variable_shares_nothing(builder: Builder, tmp_path: Path) -> None:
    """dbt's states are the same then."""
    variable = changed(builder, tmp_path / "p", "dbt_project.yml", "vars:\n", "vars:\n  least_units: 1\n")
    assert shared_tables(builder, variable, Base(ReleaseNumber(1), GoldVersionNumber(1), SnapshotNumber(1))) == ()


@pytest.mark.parametrize(
    "narrower", [{"since": DAY}, {"until": DAY}, {"source": Source.RAW}], ids=["since", "until", "raw"]
)
def test_sharing_goes_with_all_of_history_from_bronze(builder: Builder, narrower: dict[str, Any]) -> None:
    """By the command as over HTTP."""
    with pytest.raises(RefusedError, match="without --since, --until and --from raw"):
        plan(builder, replace(ReprocessRequest(Source.BRONZE, "olga", reuse=True), **narrower))
    assert builder.versions.numbers() == [1]
    said = {name: value.date().isoformat() if name != "source" else value for name, value in narrower.items()}
    with pytest.raises(ValueError, match="goes with bronze and all of history"):
        requests.Reprocess(**said, reuse_unchanged=True)
