"""A warehouse in a local folder, written with delta-rs: gold tables, versions, snapshots and a release log."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import GOLD_KEYS, GOLD_MEASURES, MONEY_MEASURES, physical_schema
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import (
    BronzeCursor,
    Drop,
    GoldVersion,
    Plan,
    Snapshot,
    TableState,
    new_nonce,
)
from tests.support.release_documents import DEFINITION, next_release, snapshot

ROOT = "/lakehouse"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


@dataclass
class GoldWarehouse:
    """Gold tables and a release log. A row is a dict of keys and measures; measures left out are 0."""

    folder: Path
    versions: dict[tuple[int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = LocalFiles(self.folder)
        self.layout = Layout(ROOT)
        self.log = ReleaseLog(self.files, self.layout)

    def location(self, version: int, name: str) -> str:
        return f"{self.layout.version_schema(GoldVersionNumber(version), 'gold')}/{name}-0a1b2c"

    def table(self, version: int, name: str) -> str:
        return f"{self.folder}{self.location(version, name)}"

    def write(self, name: str, rows: list[dict[str, Any]], snapshot: int, version: int = 1) -> None:
        write_deltalake(self.table(version, name), _arrow(name, rows, snapshot), mode="append")
        self.touch(name, version)

    def touch(self, name: str, version: int = 1) -> None:
        self.versions[version, name] = DeltaTable(self.table(version, name)).version()

    def states(self, version: int) -> dict[str, TableState]:
        """The gold tables of a version as they were last written."""
        return {
            f"gold.{name}": TableState(
                physical_schema("gold", GoldVersionNumber(number)), self.location(number, name), delta
            )
            for (number, name), delta in self.versions.items()
            if number == version
        }

    def add_version(self, version: int, planned: bool = True) -> None:
        plan = Plan("bronze", BronzeCursor(FIRST_GENERATION, 0), None, "test") if planned else None
        made = GoldVersion(GoldVersionNumber(version), DEFINITION, 0, new_nonce(), plan)
        self.files.write(self.layout.gold_version_manifest(GoldVersionNumber(version)), msgspec.json.encode(made))

    def drop(self, version: int) -> None:
        dropped = Drop(GoldVersionNumber(version), "test", None, 0, new_nonce())
        self.files.write(self.layout.gold_version_drop(GoldVersionNumber(version)), msgspec.json.encode(dropped))

    def audit(self, version: int, number: int, built_before: int | None = None, through: int | None = None) -> Snapshot:
        """The document of a snapshot, of the tables as they were last written."""
        made = snapshot(version, number, self.states(version), complete_through=through, built_before=built_before)
        self.files.write(
            self.layout.snapshot(GoldVersionNumber(version), SnapshotNumber(number)), msgspec.json.encode(made)
        )
        return made

    def publish(
        self,
        number: int,
        complete_through: str | None,
        version: int = 1,
        kind: str = "cycle",
        tables: dict[str, TableState] | None = None,
    ) -> Published:
        through = micros(at(complete_through)) if complete_through else None
        tables = self.states(version) if tables is None else tables
        shown = snapshot(version, number, tables, complete_through=through)
        return self.log.append(next_release(self.log, shown, kind=kind, tzdata="2026f"))


def _arrow(name: str, rows: list[dict[str, Any]], snapshot: int) -> pa.Table:
    columns: dict[str, Any] = {
        "merchant_id": pa.array([row["merchant_id"] for row in rows], pa.string()),
        "slot": pa.array([at(row["slot"]) for row in rows], pa.timestamp("us", "UTC")),
    }
    if "currency" in GOLD_KEYS[name]:
        columns["currency"] = pa.array([row.get("currency", "") for row in rows], pa.string())
    for measure in GOLD_MEASURES[name]:
        money = measure in MONEY_MEASURES
        kind = pa.decimal128(38, 0) if money else pa.int64()
        columns[measure] = pa.array([(Decimal if money else int)(row.get(measure, 0)) for row in rows], kind)
    columns["snapshot"] = pa.array([snapshot] * len(rows), pa.int64())
    return pa.table(columns)


def sale(slot: str, currency: str = "BRL", merchant: str = "m", **measures: Any) -> dict[str, Any]:
    return {"merchant_id": merchant, "slot": f"2026-11-16T{slot}:00Z", "currency": currency, **measures}


def view(slot: str, count: int, merchant: str = "m") -> dict[str, Any]:
    return {"merchant_id": merchant, "slot": f"2026-11-16T{slot}:00Z", "page_views": count}
