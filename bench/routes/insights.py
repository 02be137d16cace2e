"""The hot route of the insights API, on a gold table in a folder: a merchant's week, hour by hour, two metrics."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from api.app import assemble
from api.http.router import Router
from bench.routes.driver import Shot
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import GOLD_KEYS, GOLD_MEASURES, MONEY_MEASURES, physical_schema
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import BronzeCursor, Definition, Release, TableState, new_nonce
from lakehouse.settings import Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue

TABLE = "merchant_sales"
TEMPLATE = "/v1/merchants/{merchant_id}/metrics"
BEGIN = datetime(2026, 11, 16, tzinfo=UTC)
QUARTERS = 7 * 24 * 4
VERSION = GoldVersionNumber(1)


def application(settings: Settings, folder: Path) -> Router:
    """With one release of one table, in which the merchant ``m`` has a row for each quarter of an hour."""
    files, layout = LocalFiles(folder), Layout(settings.warehouse)
    location = f"{layout.version_schema(VERSION, 'gold')}/{TABLE}"
    write_deltalake(f"{folder}{location}", _rows())
    state = TableState(physical_schema("gold", VERSION), location, DeltaTable(f"{folder}{location}").version())
    ReleaseLog(files, layout).append(_release({f"gold.{TABLE}": state}))
    return assemble(settings, files, f"file://{folder}")


def shot(settings: Settings) -> Shot:
    token = issue(settings, "m", [Scope.INSIGHTS_READ])
    query = b"metrics=gross_sales,orders&grain=hour&from=2026-11-16&to=2026-11-23"
    headers = [(b"host", b"x"), (b"authorization", f"Bearer {token}".encode()), (b"accept", b"application/json")]
    return Shot("GET", TEMPLATE.format(merchant_id="m"), query, headers, b"", 200)


def _rows() -> pa.Table:
    slots = [BEGIN + timedelta(minutes=15 * quarter) for quarter in range(QUARTERS)]
    columns: dict[str, Any] = {
        "merchant_id": pa.array(["m"] * QUARTERS),
        "slot": pa.array(slots, pa.timestamp("us", "UTC")),
        "snapshot": pa.array([1] * QUARTERS, pa.int64()),
    }
    if "currency" in GOLD_KEYS[TABLE]:
        columns["currency"] = pa.array(["BRL"] * QUARTERS)
    for measure in GOLD_MEASURES[TABLE]:
        kind = pa.decimal128(38, 0) if measure in MONEY_MEASURES else pa.int64()
        columns[measure] = pa.array(range(QUARTERS), pa.int64()).cast(kind)
    return pa.table(columns)


def _release(tables: dict[str, TableState]) -> Release:
    return Release(
        release=ReleaseNumber(1),
        parent=None,
        kind="first",
        actor="bench",
        snapshot=SnapshotNumber(1),
        gold_version=VERSION,
        definition=Definition("f" * 64),
        bronze=BronzeCursor(FIRST_GENERATION, 1),
        tables=tables,
        complete_through=None,
        catalogue=1,
        tzdata="2026b",
        nonce=new_nonce(),
    )
