"""The insights API over gold tables that Trino wrote on HDFS, against Trino's own answer to the same questions.

Also over the whole stack: what was once shown is shown again, byte for byte, whatever was killed or released meanwhile.
"""

import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn

from api.app import create_app
from lakehouse import delta_log
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.insights import prepared
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import CATALOG, GOLD_KEYS, GOLD_MEASURES, MONEY_MEASURES, TRANSFORM_USER
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import (
    BronzeCursor,
    Definition,
    GoldVersion,
    Plan,
    Release,
    Snapshot,
    TableState,
    new_nonce,
)
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.simulate.dataset import simulated
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.tokens.keys import KeyFolder
from tests.datasets.shown import send, settle, under_prefix
from tests.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack

MERCHANTS = ("anna", "bert", "carl")
FIRST_SLOT = datetime(2026, 3, 1, tzinfo=UTC)
LAST_SLOT = datetime(2026, 4, 15, tzinfo=UTC)
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Europe/Berlin")
WINDOW = {"from": "2026-03-01", "to": "2026-04-15"}


@dataclass
class Gold:
    """Gold tables of one version, written by Trino as a build writes them, in a schema and warehouse of our own."""

    trino: Trino
    settings: Settings
    version: int = 1
    schema: str = field(default_factory=lambda: f"insights_{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.files = HdfsFiles(self.settings.hdfs_url)
        self.layout = Layout(self.settings.warehouse)
        self.log = ReleaseLog(self.files, self.layout)
        location = f"{self.settings.warehouse_url}/gold"
        self.trino.query(f"CREATE SCHEMA {CATALOG}.{self.schema} WITH (location = '{location}')")
        for table in GOLD_KEYS:
            self.trino.query(f"CREATE TABLE {self.name(table)} ({_columns(table)}) WITH ({_PARTITIONED})")

    def name(self, table: str) -> str:
        return f"{CATALOG}.{self.schema}.{table}"

    def write(self, table: str, snapshot: int, rows: int, seed: int) -> None:
        chance = random.Random(seed)
        values = ", ".join(_row(table, snapshot, key, chance) for key in _some_keys(table, rows, chance))
        self.trino.query(f"INSERT INTO {self.name(table)} VALUES {values}")

    def state(self, table: str) -> TableState:
        [row] = self.trino.query(
            f"SELECT DISTINCT regexp_replace(\"$path\", '/slot_month=.*$') AS url FROM {self.name(table)}"
        )
        location = str(row["url"]).removeprefix(self.settings.hdfs_url)
        head = delta_log.head_version(self.files, location)
        assert head is not None
        return TableState(self.schema, location, head)

    def states(self) -> dict[str, TableState]:
        return {f"gold.{table}": self.state(table) for table in GOLD_KEYS}

    def plan(self) -> None:
        """The document that makes this version a candidate."""
        plan = Plan("bronze", BronzeCursor(1, 0), None, "test")
        made = GoldVersion(self.version, Definition("f" * 12), 0, new_nonce(), plan)
        self.files.make_folder(self.layout.gold_version(self.version))
        self.files.write(self.layout.gold_version_manifest(self.version), msgspec.json.encode(made))

    def audit(self, number: int) -> None:
        made = Snapshot(
            gold_version=self.version,
            number=number,
            bronze=BronzeCursor(1, number),
            tables=self.states(),
            marks=[],
            offsets={},
            complete_through=None,
            changed=True,
            query_ids=[],
            nonce=new_nonce(),
        )
        Versions(self.files, self.layout).add_snapshot(made)

    def publish(self, snapshot: int, reason: str = "cycle") -> Published:
        parent = self.log.current()
        release = Release(
            release=parent.number + 1 if parent else 1,
            parent=parent.number if parent else None,
            reason=reason,
            actor="test",
            snapshot=snapshot,
            gold_version=self.version,
            definition=Definition("f" * 12),
            bronze=BronzeCursor(1, snapshot),
            tables=self.states(),
            complete_through=int(LAST_SLOT.timestamp() * 1_000_000),
            catalogue=1,
            tzdata="",
            nonce=new_nonce(),
        )
        return self.log.append(release)

    def truth(self, published: Published, grain: str, zone: str) -> dict[tuple[str, str, int], int]:
        """Orders by merchant, metric and start of bucket (seconds), as Trino groups the release's rows."""
        found: dict[tuple[str, str, int], int] = {}
        for table, measure in (("merchant_sales", "orders"), ("merchant_traffic", "page_views")):
            state = published.release.tables[f"gold.{table}"]
            keys = ", ".join(GOLD_KEYS[table])
            rows = self.trino.query(
                f"SELECT merchant_id, to_unixtime(date_trunc('{grain}', slot AT TIME ZONE '{zone}')) AS start, "
                f"sum({measure}) AS total FROM (SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY snapshot "
                f"DESC) AS place FROM {self.name(table)} FOR VERSION AS OF {state.delta_version} "
                f"WHERE snapshot <= {published.release.snapshot}) WHERE place = 1 GROUP BY 1, 2"
            )
            found |= {(r["merchant_id"], measure, int(r["start"])): int(r["total"]) for r in rows if r["total"]}
        return found


_PARTITIONED = "partitioned_by = ARRAY['slot_month']"


def _columns(table: str) -> str:
    keys = {"merchant_id": "varchar", "slot": "timestamp(3) with time zone", "currency": "varchar"}
    kinds = {key: keys[key] for key in GOLD_KEYS[table]}
    kinds |= {name: "decimal(38, 0)" if name in MONEY_MEASURES else "bigint" for name in GOLD_MEASURES[table]}
    return ", ".join(f"{name} {kind}" for name, kind in (kinds | {"snapshot": "bigint", "slot_month": "date"}).items())


def _some_keys(table: str, rows: int, chance: random.Random) -> list[tuple[str, datetime, str]]:
    slots = int((LAST_SLOT - FIRST_SLOT).total_seconds()) // 900
    found = {
        (
            chance.choice(MERCHANTS),
            FIRST_SLOT + timedelta(minutes=15 * chance.randrange(slots)),
            chance.choice(("BRL", "JPY")) if "currency" in GOLD_KEYS[table] else "",
        )
        for _ in range(rows)
    }
    return sorted(found)


def _row(table: str, snapshot: int, key: tuple[str, datetime, str], chance: random.Random) -> str:
    merchant, slot, currency = key
    texts = [f"'{merchant}'", f"TIMESTAMP '{slot:%Y-%m-%d %H:%M:%S} UTC'"]
    texts += [f"'{currency}'"] if currency else []
    texts += [
        f"DECIMAL '{chance.randrange(10**20)}'" if name in MONEY_MEASURES else str(chance.randrange(50))
        for name in GOLD_MEASURES[table]
    ]
    texts += [str(snapshot), f"DATE '{slot:%Y-%m-%d}'"]
    return f"({', '.join(texts)})"


@pytest.fixture(scope="module")
def gold(servers: EmbeddedStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gold]:
    home = tmp_path_factory.mktemp("insights")
    changes = {"home": home, "warehouse": f"/insights-{uuid.uuid4().hex[:8]}"}
    made = Gold(Trino.of(servers.settings, user=TRANSFORM_USER), servers.settings.model_copy(update=changes))
    yield made
    made.trino.query(f"DROP SCHEMA {CATALOG}.{made.schema} CASCADE")
    made.files.delete(made.settings.warehouse)


@pytest.fixture(scope="module")
def client(gold: Gold) -> Iterator[httpx.Client]:
    with _running(gold) as found:
        yield found


@contextmanager
def _running(gold: Gold) -> Iterator[httpx.Client]:
    """The API over those tables, on a port of its own, and a reader of all merchants."""
    KeyFolder(gold.settings.keys_path).ensure()
    token = issue(gold.settings, "reader", [Scope.INSIGHTS_READ_ANY])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(gold.settings), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as found:
            yield found
        server.should_exit = True
        thread.join()


def _await_release(client: httpx.Client, number: int, seconds: float = 60, pause: float = 0.1) -> None:
    deadline = time.monotonic() + seconds
    while True:
        assert time.monotonic() < deadline, f"release {number} did not become visible"
        try:
            if (client.get("/v1/status").json()["current_release"] or 0) >= number:
                return
        except httpx.TransportError:
            pass
        time.sleep(pause)


def _shown(client: httpx.Client, grain: str, zone: str, **more: Any) -> dict[tuple[str, str, int], int]:
    found: dict[tuple[str, str, int], int] = {}
    for merchant in MERCHANTS:
        params = {"metrics": "orders,page_views", "grain": grain, "tz": zone, **WINDOW, **more}
        answer = client.get(f"/v1/merchants/{merchant}/metrics", params=params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        for series in body["series"]:
            for start, value in zip(body["starts"], series["values"], strict=True):
                if value:
                    found[merchant, series["metric"], int(datetime.fromisoformat(start).timestamp())] = value
    return found


def _inside(truth: dict[tuple[str, str, int], int], zone: str, client: httpx.Client) -> dict[tuple[str, str, int], int]:
    """What of the truth lies in the window, which is local: rows near its ends are outside of it in some zones."""
    params = {"metrics": "orders", "grain": "month", "tz": zone, **WINDOW}
    body = client.get("/v1/merchants/anna/metrics", params=params).json()
    begin, end = (int(datetime.fromisoformat(body[name]).timestamp()) for name in ("from", "to"))
    return {key: total for key, total in truth.items() if begin <= key[2] < end}


@pytest.fixture(scope="module")
def releases(gold: Gold, client: httpx.Client) -> list[Published]:
    """A first build, a change of values, a leftover that was taken back, and a compaction."""
    for table in GOLD_KEYS:
        gold.write(table, snapshot=1, rows=400, seed=1)
    found = [gold.publish(1)]
    _await_release(client, 1)
    for table in GOLD_KEYS:
        gold.write(table, snapshot=2, rows=150, seed=2)
    found.append(gold.publish(2))
    for table in GOLD_KEYS:
        gold.write(table, snapshot=3, rows=40, seed=3)
        gold.trino.query(f"DELETE FROM {gold.name(table)} WHERE snapshot >= 3")
        gold.write(table, snapshot=3, rows=60, seed=4)
    found.append(gold.publish(3))
    _await_release(client, 3)
    for table in GOLD_KEYS:
        gold.trino.query(f"ALTER TABLE {gold.name(table)} EXECUTE optimize")
        gold.write(table, snapshot=4, rows=20, seed=5)
    found.append(gold.publish(4))
    _await_release(client, 4)
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("grain", ["hour", "day", "week", "month"])
def test_every_release_answers_as_trino_does(
    gold: Gold, client: httpx.Client, releases: list[Published], grain: str, zone: str
) -> None:
    for published in (releases[0], releases[-1]):
        truth = gold.truth(published, grain, zone)
        shown = _shown(client, grain, zone, release=published.number)
        if grain in ("hour", "day"):
            assert shown == _inside(truth, zone, client)
        else:
            # The buckets at the ends are clipped to the window; those between are whole.
            ends = {start for _, _, start in shown} - {min(s for _, _, s in shown), max(s for _, _, s in shown)}
            assert {k: v for k, v in shown.items() if k[2] in ends} == {k: v for k, v in truth.items() if k[2] in ends}


def test_a_process_that_starts_now_answers_the_same(
    gold: Gold, client: httpx.Client, releases: list[Published]
) -> None:
    """One that loaded every change as it came, and one that reads all at once."""
    params: dict[str, Any] = {"metrics": "gross_sales,average_order_value", "grain": "day", **WINDOW}
    with _running(gold) as second:
        _await_release(second, len(releases))
        for merchant in MERCHANTS:
            for number in range(1, len(releases) + 1):
                asked = params | {"release": number}
                one, other = (c.get(f"/v1/merchants/{merchant}/metrics", params=asked) for c in (client, second))
                assert one.status_code == 200
                assert one.content == other.content
                assert one.headers["etag"] == other.headers["etag"]


def test_promote_and_rollback_are_answered_within_a_second(
    gold: Gold, client: httpx.Client, releases: list[Published]
) -> None:
    """From the rename to the first answer. The candidate is loaded ahead; and each release keeps its own numbers."""
    candidate = Gold(gold.trino, gold.settings, version=2)
    try:
        for table in GOLD_KEYS:
            candidate.write(table, snapshot=1, rows=300, seed=6)
        candidate.plan()
        candidate.audit(1)
        _await_prepared(client, 2, 1)
        shown, seconds = [], []
        for source, snapshot, reason in ((candidate, 1, "promote"), (gold, 4, "rollback"), (candidate, 1, "promote")):
            published = source.publish(snapshot, reason)
            _await_release(client, published.number, pause=0.01)
            seconds.append((datetime.now(UTC) - published.released_at).total_seconds())
            shown.append((published, _bodies(client)))
            assert _shown(client, "day", "UTC") == _inside(source.truth(published, "day", "UTC"), "UTC", client)
        assert min(seconds) < 1, seconds
        for published, bodies in shown:
            assert _bodies(client, release=published.number) == bodies
            assert _bodies(client, as_known_at=published.released_at.isoformat()) == bodies
    finally:
        candidate.trino.query(f"DROP SCHEMA {CATALOG}.{candidate.schema} CASCADE")


def _await_prepared(client: httpx.Client, version: int, snapshot: int) -> None:
    deadline = time.monotonic() + 60
    while (found := prepared(str(client.base_url))) is None or found.get(version) != snapshot:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def _bodies(client: httpx.Client, **more: Any) -> list[bytes]:
    asked = {"metrics": "gross_sales,orders,page_views", "grain": "day", **WINDOW, **more}
    return [client.get(f"/v1/merchants/{merchant}/metrics", params=asked).content for merchant in MERCHANTS]


@pytest.mark.usefixtures("servers")
@pytest.mark.chaos
def test_what_was_shown_is_shown_again_whatever_is_killed(stack: EmbeddedStack, tmp_path: Path) -> None:
    """The API and the NameNode are killed and new events are released: the old answer stays, to the byte."""
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    first = under_prefix(simulated(seed=3, merchants=2, start=end - timedelta(days=1), end=end), "again-")
    send(stack, first, tmp_path)
    settle(stack)
    merchant = sorted(cell.merchant_id for cell in first.truth)[0]
    token = issue(stack.settings, merchant, [Scope.INSIGHTS_READ])
    span = {"from": (end - timedelta(days=2)).date().isoformat(), "to": (end + timedelta(days=1)).date().isoformat()}
    with httpx.Client(base_url=stack.settings.insights_url, headers={"Authorization": f"Bearer {token}"}) as api:
        path, asked = f"/v1/merchants/{merchant}/metrics", {"metrics": "gross_sales,orders,page_views", **span}
        before = api.get(path, params=asked)
        assert before.status_code == 200
        receipt = before.json()["receipt"]
        old_pid = stack.kill("insights")
        stack.await_restart("insights", old_pid)
        stack.await_healthy("insights")
        _await_release(api, receipt["release"])
        asked["as_known_at"] = receipt["known_at"]
        assert api.get(path, params=asked).content == before.content
        old_pid = stack.kill("namenode")
        assert api.get(path, params=asked).content == before.content, "reading does not need HDFS"
        stack.await_restart("namenode", old_pid)
        stack.await_healthy()
        second = under_prefix(simulated(seed=4, merchants=2, start=end - timedelta(days=1), end=end), "again-")
        send(stack, second, tmp_path)
        settle(stack)
        again = api.get(path, params=asked)
        assert again.content == before.content
        assert again.headers["etag"] == before.headers["etag"]
        assert api.get("/v1/status").json()["current_release"] > receipt["release"]
