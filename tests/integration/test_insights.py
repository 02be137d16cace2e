"""The insights API over gold tables that Trino wrote on HDFS, against Trino's own answer to the same questions.

Also over the whole stack: what was once shown is shown again, byte for byte, whatever was killed or released meanwhile.
"""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lakehouse.clients.insights import prepared
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.tables import CATALOG, GOLD_KEYS, TRANSFORM_USER
from lakehouse.releases.log import Published
from lakehouse.simulate.dataset import simulated
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests.datasets.shown import send, settle, under_prefix
from tests.integration.random_gold import MERCHANTS, Gold
from tests.support.embedded_stack import EmbeddedStack
from tests.support.insights_service import served_from_hdfs

pytestmark = pytest.mark.stack

ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Europe/Berlin")
WINDOW = {"from": "2026-03-01", "to": "2026-04-15"}


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
    with served_from_hdfs(gold.settings) as found:
        yield found


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
    with served_from_hdfs(gold.settings) as second:
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
    while (found := prepared(str(client.base_url))) is None or found.get(GoldVersionNumber(version)) != snapshot:
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
