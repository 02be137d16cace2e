"""An edge that has too many requests at work refuses others at once, and loses none of those that it took."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ingestion.durability import Durable
from lakehouse.clients.files import LocalFiles
from tests.support.running_edge import BATCH, RunningEdge, problem, serve, settings_of, view
from tests.support.valid_events import encode

MOST = 2
BODY = encode([view()])


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[RunningEdge]:
    yield from serve(settings_of(tmp_path, max_requests_at_work=MOST), LocalFiles(tmp_path / "hdfs"))


def counted(edge: RunningEdge, status: int) -> float:
    lines = edge.client.get(f"{edge.settings.edge_url}/metrics").text.splitlines()
    name = f'edge_requests_total{{status="{status}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_beyond_the_bound_503_comes_at_once_and_what_was_taken_is_answered(
    edge: RunningEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()
    assert edge.app.edge is not None

    async def waits(position: object) -> Durable:
        await released.wait()
        return Durable.DISK

    monkeypatch.setattr(edge.app.edge, "durable", waits)
    loop = edge.app.edge.durability._loop

    def send(_: int) -> httpx.Response:
        with httpx.Client(timeout=30, trust_env=False) as client:
            return client.post(edge.url, content=BODY, headers=edge.bearer() | BATCH)

    with ThreadPoolExecutor(MOST) as shops:
        taken = [shops.submit(send, number) for number in range(MOST)]
        try:
            deadline = time.monotonic() + 20
            while edge.app.edge.live.log.next < MOST and time.monotonic() < deadline:
                time.sleep(0.01)
            for _ in range(3):  # on one connection, which goes on
                refused = edge.client.post(edge.url, content=BODY, headers=edge.bearer() | BATCH)
                problem(refused, 503, "unavailable")
                assert refused.headers["retry-after"] == "2"
                assert refused.headers["access-control-allow-origin"] == "*"
            assert edge.client.get(f"{edge.settings.edge_url}/healthz").status_code == 200
            assert edge.client.options(edge.url).status_code == 204
        finally:
            loop.call_soon_threadsafe(released.set)
        assert [each.result().status_code for each in taken] == [202] * MOST
    assert edge.client.post(edge.url, content=BODY, headers=edge.bearer() | BATCH).status_code == 202
    assert edge.app.edge.live.log.next == MOST + 1
    assert (counted(edge, 202), counted(edge, 503)) == (MOST + 1, 3)


def test_a_body_that_does_not_end_takes_no_place(edge: RunningEdge) -> None:
    begun, let_go = threading.Semaphore(0), threading.Event()

    def endless() -> Iterator[bytes]:
        yield BODY[:10]
        begun.release()  # who asks for more has sent that
        assert let_go.wait(20)
        yield BODY[10:]

    def trickle(_: int) -> int:
        return httpx.post(
            edge.url, content=endless(), headers=edge.bearer() | BATCH, timeout=30, trust_env=False
        ).status_code

    with ThreadPoolExecutor(MOST + 1) as shops:
        slow = [shops.submit(trickle, number) for number in range(MOST + 1)]
        try:
            assert all(begun.acquire(timeout=20) for _ in slow)
            assert edge.client.post(edge.url, content=BODY, headers=edge.bearer() | BATCH).status_code == 202
        finally:
            let_go.set()
        assert 202 in [each.result() for each in slow]
