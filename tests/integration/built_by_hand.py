"""Gold versions on the real HDFS and Trino that a test builds step by step, or row by row."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lakehouse.clients import delta_log
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import BronzeCursor, Snapshot, TableState
from lakehouse.releases.versions import Versions
from lakehouse.transform import catalog, definition
from lakehouse.transform.building import build
from tests.support import release_documents
from tests.support.embedded_stack import EmbeddedStack


class Warehouse:
    """HDFS and Trino, and versions that are built by hand."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self.stack = stack
        self.settings = stack.settings
        self.files = HdfsFiles(self.settings.hdfs_url)
        self.layout = Layout(self.settings.warehouse)
        self.versions = Versions(self.files, self.layout)
        self.trino = Trino.of(self.settings, user=TRANSFORM_USER)
        self.reader = Trino.of(self.settings, read_only=True)

    def create(self, project: Path) -> int:
        version = self.versions.create(definition.freeze(self.files, self.layout, project)).version
        catalog.prepare(self.trino, self.settings, self.layout, version, FIRST_GENERATION)
        return version

    def build(self, number: int, after: int, through: int) -> Snapshot:
        """The version's next snapshot, of the bronze commits after ``after``."""
        version, last = (
            self.versions.get(GoldVersionNumber(number)),
            self.versions.latest_snapshot(GoldVersionNumber(number)),
        )
        snapshot = last.number + 1 if last else 1
        project = definition.thaw(self.files, self.layout, version.definition, self.settings.home_path)
        build.run(
            self.settings,
            project,
            build.Build(GoldVersionNumber(number), SnapshotNumber(snapshot), FIRST_GENERATION, after, through, 35),
        )
        return self.add(number, snapshot, through)

    def add(self, version: int, number: int, through: int) -> Snapshot:
        """Publishes a snapshot of the tables as they are."""
        states = {}
        for name, location in catalog.locations(self.trino, GoldVersionNumber(version)).items():
            head = delta_log.head_version(self.files, location)
            assert head is not None
            states[name] = TableState(
                tables.physical_schema(name.partition(".")[0], GoldVersionNumber(version)), location, head
            )
        made = release_documents.snapshot(version, number, states, bronze=BronzeCursor(FIRST_GENERATION, through))
        self.versions.add_snapshot(made)
        return made


HAND_MADE = {
    8: {"tax": "DECIMAL(38, 0)", "units": "BIGINT"},
    9: {"tax": "BIGINT", "note": "VARCHAR"},
}
"""What the hand-made versions' tables have beside the other measures."""


def random_history(chance: random.Random, names: list[str]) -> list[dict[str, Any]]:
    """Rows of gold: keys of few merchants over three months, with up to three values one after the other."""
    rows = []
    for merchant in [f"m'{number}" for number in range(9)]:
        for slot in chance.sample(range(12), 6):
            at = datetime(2026, 1 + slot % 3, 1, tzinfo=UTC) + timedelta(minutes=15 * slot)
            for snapshot in sorted(chance.sample(range(1, 6), chance.randint(1, 3))):
                measures = {name: chance.choice([0, 0, -5, 10**20, 7]) if name != "units" else 3 for name in names}
                key = {"merchant_id": merchant, "slot": at, "currency": chance.choice(["BRL", "JPY"])}
                rows.append(key | measures | {"snapshot": snapshot})
    return rows


def hand_make(warehouse: Warehouse, version: int, rows: list[dict[str, Any]]) -> Snapshot:
    own = HAND_MADE[version]
    for schema in (f"gold_v{version}", f"silver_v{version}"):
        location = f"{warehouse.settings.warehouse_url}/by_hand/{schema}"
        warehouse.trino.query(f"CREATE SCHEMA IF NOT EXISTS lake.{schema} WITH (location = '{location}')")
    measures = [name for name in tables.GOLD_MEASURES[tables.MERCHANT_SALES] if name not in ("tax", "units")]
    types = dict.fromkeys(measures, "DECIMAL(38, 0)") | own
    values = ", ".join(
        "("
        + ", ".join(
            [
                "'" + row["merchant_id"].replace("'", "''") + "'",
                f"TIMESTAMP '{row['slot']:%Y-%m-%d %H:%M:%S.000} UTC'",
                f"'{row['currency']}'",
                *(f"CAST('{row.get(n, 0)}' AS {t})" for n, t in types.items()),
                str(row["snapshot"]),
                f"DATE '{row['slot']:%Y-%m-01}'",
            ]
        )
        + ")"
        for row in rows
    )
    names = ", ".join(["merchant_id", "slot", "currency", *types, "snapshot", "slot_month"])
    warehouse.trino.query(
        f"CREATE TABLE lake.gold_v{version}.merchant_sales WITH (partitioned_by = ARRAY['slot_month']) AS "
        f"SELECT * FROM (VALUES {values}) AS t ({names})"
    )
    if version == 8:
        warehouse.trino.query("CREATE TABLE lake.silver_v8.extra AS SELECT 1 AS n, 'x' AS word")
    return warehouse.add(version, 4, 7)
