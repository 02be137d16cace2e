"""Whatever is built, promoted, rolled back or started anew: what was once answered is answered again, to the byte.

Random histories of two or three gold versions, against a plain dictionary of what each snapshot wrote.
"""

import asyncio
import json
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.http.merchant_routes import MerchantRoutes
from api.serving.cache_warmer import CacheWarmer
from api.serving.gold_files import GoldFiles
from api.serving.release_views import ReleaseViews
from api.serving.restatement_store import RestatementStore
from api.serving.standby_candidates import StandbyCandidates
from api.serving.table_cache import TableCache
from lakehouse.http.asgi import Request
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import Snapshot
from lakehouse.settings import Settings
from lakehouse.tokens import Scope, Verifier
from lakehouse.tokens.issue import issue
from lakehouse.tokens.keys import KeyFolder
from tests.support.gold_warehouse import ROOT, GoldWarehouse

HOUR = datetime(2026, 11, 16, 10, tzinfo=UTC)
SLOTS = [HOUR + timedelta(minutes=15 * place) for place in range(12)]
SALES = "merchant_sales"
Key = tuple[int, str]
Cells = dict[Key, int]
"""Orders by slot and currency."""

ROWS = st.dictionaries(st.tuples(st.integers(0, 11), st.sampled_from(["BRL", "JPY"])), st.integers(0, 9), max_size=4)
STEPS = st.one_of(
    st.tuples(st.just("cycle"), ROWS),
    st.tuples(st.just("feed"), st.integers(0, 9), ROWS),
    st.tuples(st.just("build"), st.lists(ROWS, min_size=1, max_size=3)),
    st.tuples(st.just("unaudited"), st.integers(0, 9), ROWS),
    st.tuples(st.just("compact"), st.integers(0, 9)),
    st.tuples(st.just("promote"), st.integers(0, 9)),
    st.tuples(st.just("exact"), st.integers(0, 99)),
    st.tuples(st.just("look")),
    st.tuples(st.just("restart")),
)


@dataclass
class History:
    """A warehouse and what it should say."""

    warehouse: GoldWarehouse
    truth: dict[int, list[Cells]] = field(default_factory=dict)
    """By version, the state of each snapshot, from number 0 (empty) on."""
    audited: dict[int, dict[int, Snapshot]] = field(default_factory=dict)
    released: list[Published] = field(default_factory=list)

    @property
    def current(self) -> int:
        return self.released[-1].release.gold_version

    def version(self, number: int) -> int:
        return sorted(self.truth)[number % len(self.truth)]

    def build(self, slices: list[Cells]) -> None:
        version = len(self.truth) + 1
        self.warehouse.add_version(version, planned=version > 1)
        self.truth[version], self.audited[version] = [{}], {}
        for left, rows in zip(range(len(slices) - 1, -1, -1), slices, strict=True):
            self.snapshot(version, rows, built_before=left or None)

    def snapshot(self, version: int, rows: Cells, built_before: int | None = None) -> None:
        number = len(self.truth[version])
        self._write(version, rows, number)
        self.truth[version].append(self.truth[version][-1] | rows)
        through = int((HOUR + timedelta(hours=min(number, 3))).timestamp()) * 10**6
        self.audited[version][number] = self.warehouse.audit(version, number, built_before, through)

    def unaudited(self, version: int, rows: Cells) -> None:
        """Rows that no snapshot names: a build that failed."""
        audited = dict(self.warehouse.versions)
        self._write(version, rows, len(self.truth[version]))
        self.warehouse.versions = audited

    def compact(self, version: int) -> None:
        table = DeltaTable(self.warehouse.table(version, SALES))
        table.optimize.compact()

    def publish(self, version: int, number: int, reason: str) -> None:
        snapshot = self.audited[version][number]
        through = datetime.fromtimestamp((snapshot.complete_through or 0) / 10**6, UTC).isoformat()
        self.released.append(self.warehouse.publish(number, through, version, reason, snapshot.tables))

    def _write(self, version: int, rows: Cells, number: int) -> None:
        """As a build does it: what an unfinished one has left is replaced."""
        folder = self.warehouse.table(version, SALES)
        if DeltaTable.is_deltatable(folder):
            DeltaTable(folder).delete(f"snapshot >= {number}")
        cells = [
            {"merchant_id": "m", "slot": SLOTS[slot].isoformat(), "currency": code, "orders": count}
            for (slot, code), count in rows.items()
        ]
        self.warehouse.write(SALES, cells, number, version)

    def orders(self, published: Published) -> list[int]:
        cells = self.truth[published.release.gold_version][published.release.snapshot]
        return [sum(n for (slot, _), n in cells.items() if slot // 4 == hour) for hour in range(3)]


class Process:
    """The API as one process has it, without its clockwork: a test says when it looks."""

    def __init__(self, warehouse: GoldWarehouse, keys: Settings) -> None:
        files, layout = warehouse.files, warehouse.layout
        gold, candidates = GoldFiles(files, f"file://{warehouse.folder}"), StandbyCandidates(files, layout)
        cache, day = TableCache(gold), timedelta(days=1)
        self.views = ReleaseViews(ReleaseLog(files, layout), cache, candidates, day, timedelta(seconds=1))
        self.warmer = CacheWarmer(self.views, cache, candidates, 3, day)
        restatements = RestatementStore(files, layout, gold, self.views)
        self._routes = MerchantRoutes(self.views, restatements, Verifier(keys), keys)
        token = issue(keys, "m", [Scope.INSIGHTS_READ], timedelta(hours=1))
        self._headers = {b"authorization": f"Bearer {token}".encode()}

    async def metrics(self, **more: Any) -> bytes:
        asked = {"metrics": "orders,gross_sales,average_order_value", "from": SLOTS[0], "to": HOUR + timedelta(hours=3)}
        return (await self._routes.metrics(self._request(asked | more))).body

    async def revisions(self, hour: int, **more: Any) -> list[tuple[int, int, str]]:
        asked = {"metric": "orders", "start": HOUR + timedelta(hours=hour)}
        answer = json.loads((await self._routes.revisions(self._request(asked | more))).body)
        return [(entry["value"], entry["release"], entry["reason"]) for entry in answer["revisions"]]

    def _request(self, asked: dict[str, Any]) -> Request:
        texts = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asked.items()}
        return Request("GET", "/", urlencode(texts).encode(), self._headers, {"merchant_id": "m"})


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings(home=tmp_path_factory.mktemp("home"), warehouse=ROOT)
    KeyFolder(made.keys_path).ensure()
    return made


@given(st.lists(STEPS, min_size=3, max_size=14))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_answered_is_answered_again(keys: Settings, steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_live_through(History(GoldWarehouse(Path(folder))), keys, steps))


async def _live_through(history: History, keys: Settings, steps: list[Any]) -> None:
    history.build([{(0, "BRL"): 1}])
    history.publish(1, 1, "cycle")
    process, bodies = Process(history.warehouse, keys), list[bytes]()
    for name, *what in [("nothing",), *steps]:
        if name == "look":
            process.warmer.look()
        elif name == "restart":
            process = Process(history.warehouse, keys)
        else:
            _take(history, name, what)
        await process.views.poll()
        bodies += [await process.metrics() for _ in history.released[len(bodies) :]]
    for answering in (process, Process(history.warehouse, keys)):
        await answering.views.poll()
        await _check(history, answering, bodies)


def _take(history: History, name: str, what: list[Any]) -> None:
    """At most one release a step."""
    if name == "cycle":
        history.snapshot(history.current, what[0])
        history.publish(history.current, len(history.truth[history.current]) - 1, "cycle")
    elif name == "feed":
        history.snapshot(history.version(what[0]), what[1])
    elif name == "build" and len(history.truth) < 3:
        history.build(what[0])
    elif name == "unaudited":
        history.unaudited(history.version(what[0]), what[1])
    elif name == "compact":
        history.compact(history.version(what[0]))
    elif name == "promote":
        version = history.version(what[0])
        was_shown = any(published.release.gold_version == version for published in history.released)
        history.publish(version, len(history.truth[version]) - 1, "rollback" if was_shown else "promote")
    elif name == "exact":
        release = history.released[what[0] % len(history.released)].release
        history.publish(release.gold_version, release.snapshot, "rollback")


async def _check(history: History, process: Process, bodies: list[bytes]) -> None:
    for published, body in zip(history.released, bodies, strict=True):
        assert await process.metrics(release=published.number) == body
        assert await process.metrics(as_known_at=published.released_at) == body
        assert json.loads(body)["receipt"]["release"] == published.number
        assert json.loads(body)["series"][0]["values"] == history.orders(published)
    for hour in range(3):
        assert await process.revisions(hour) == _expected_revisions(history, hour)


def _expected_revisions(history: History, hour: int) -> list[tuple[int, int, str]]:
    reasons = {"cycle": "late_events", "promote": "new_definition", "rollback": "rollback"}
    end = int((HOUR + timedelta(hours=hour + 1)).timestamp()) * 10**6
    found: list[tuple[int, int, str]] = []
    for published in history.released:
        value = history.orders(published)[hour]
        if not found and (published.release.complete_through or 0) >= end:
            found.append((value, published.number, "first_final"))
        elif found and value != found[-1][0]:
            found.append((value, published.number, reasons[published.release.kind]))
    return found
