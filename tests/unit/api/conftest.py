"""A warehouse in a local folder, written with delta-rs, and the insights API over it on a real port."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pytest
import uvicorn
from deltalake import DeltaTable, write_deltalake

from api.app import assemble
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import GOLD_KEYS, GOLD_MEASURES, MONEY_MEASURES, physical_schema
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
from lakehouse.settings import InsightsSettings, ReleaseSettings, Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.tokens.keys import KeyFolder
from tests.release_documents import DEFINITION, next_release, snapshot

ROOT = "/lakehouse"
DAY = {"from": "2026-11-16T00:00:00Z", "to": "2026-11-17T00:00:00Z"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


@dataclass
class Warehouse:
    """Gold tables and a release log. A row is a dict of keys and measures; measures left out are 0."""

    folder: Path
    versions: dict[tuple[int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = LocalFiles(self.folder)
        self.layout = Layout(ROOT)
        self.log = ReleaseLog(self.files, self.layout)

    def location(self, version: int, name: str) -> str:
        return f"{self.layout.version_schema(version, 'gold')}/{name}-0a1b2c"

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
            f"gold.{name}": TableState(physical_schema("gold", number), self.location(number, name), delta)
            for (number, name), delta in self.versions.items()
            if number == version
        }

    def add_version(self, version: int, planned: bool = True) -> None:
        plan = Plan("bronze", BronzeCursor(1, 0), None, "test") if planned else None
        made = GoldVersion(version, DEFINITION, 0, new_nonce(), plan)
        self.files.write(self.layout.gold_version_manifest(version), msgspec.json.encode(made))

    def drop(self, version: int) -> None:
        dropped = Drop(version, "test", None, 0, new_nonce())
        self.files.write(self.layout.gold_version_drop(version), msgspec.json.encode(dropped))

    def audit(self, version: int, number: int, built_before: int | None = None, through: int | None = None) -> Snapshot:
        """The document of a snapshot, of the tables as they were last written."""
        made = snapshot(version, number, self.states(version), complete_through=through, built_before=built_before)
        self.files.write(self.layout.snapshot(version, number), msgspec.json.encode(made))
        return made

    def publish(
        self,
        number: int,
        complete_through: str | None,
        version: int = 1,
        reason: str = "cycle",
        tables: dict[str, TableState] | None = None,
    ) -> Published:
        through = micros(at(complete_through)) if complete_through else None
        tables = self.states(version) if tables is None else tables
        shown = snapshot(version, number, tables, complete_through=through)
        return self.log.append(next_release(self.log, shown, reason=reason, tzdata="2026f"))


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


@dataclass
class Service:
    """The API, and a client that may read the merchant ``m``."""

    client: httpx.Client
    settings: Settings

    def token(self, merchant: str, *scopes: Scope) -> dict[str, str]:
        token = issue(self.settings, merchant, list(scopes), timedelta(hours=1))
        return {"Authorization": f"Bearer {token}"}

    def get(self, path: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        mine = self.token("m", Scope.INSIGHTS_READ)
        return self.client.get(path, params=params, headers=mine | (headers or {}))

    def metrics(self, metrics: str, **params: Any) -> Any:
        answer = self.get("/v1/merchants/m/metrics", metrics=metrics, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_for(self, release: int) -> None:
        deadline = time.monotonic() + 20
        while self.client.get("/v1/status").json()["current_release"] != release:
            assert time.monotonic() < deadline, f"release {release} did not become visible"
            time.sleep(0.02)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "hdfs")


@pytest.fixture
def service(warehouse: Warehouse, tmp_path: Path) -> Iterator[Service]:
    """Started before any release; retention is a day, an answer holds at most 1,000 values."""
    settings = Settings(
        home=tmp_path / "home",
        warehouse=ROOT,
        releases=ReleaseSettings(retention=timedelta(days=1)),
        insights=InsightsSettings(max_values=1000, poll_interval=timedelta(milliseconds=50)),
    )
    KeyFolder(settings.keys_path).ensure()
    app = assemble(settings, warehouse.files, f"file://{warehouse.folder}")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
            _wait_until_ready(client)
            yield Service(client, settings)
        server.should_exit = True
        thread.join()


def _wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the service did not become ready"
        time.sleep(0.02)


@pytest.fixture
def day(warehouse: Any, service: Any) -> Any:
    """Two releases of one day: the second adds a late sale at 10:15 and corrects nothing else."""
    warehouse.write(
        "merchant_sales",
        [
            sale("10:00", gross_sales=1000, discounts=100, orders=3, units=4),
            sale("10:45", gross_sales=5, orders=1, units=1),
            sale("11:00", "JPY", gross_sales=7000, returns=900, orders=2),
            sale("11:00", "", orders_cancelled=1),
            sale("10:00", "EUR", merchant="other", gross_sales=99, orders=9),
        ],
        snapshot=1,
    )
    warehouse.write("merchant_traffic", [view("10:00", 7), view("10:15", 1)], snapshot=1)
    warehouse.publish(1, "2026-11-16T11:00:00Z")
    warehouse.write("merchant_sales", [sale("10:15", gross_sales=30, orders=1)], snapshot=2)
    warehouse.publish(2, "2026-11-16T11:00:00Z")
    service.wait_for(2)
    return service


def check_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("/problems/")
    assert problem["detail"]
