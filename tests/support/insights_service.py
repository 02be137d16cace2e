"""The insights API on a real port: over a :class:`~tests.support.gold_warehouse.GoldWarehouse`, or over HDFS."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from api.app import assemble, create_app
from lakehouse.http.server import Listening
from lakehouse.settings import InsightsSettings, ReleaseSettings, Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.tokens.keys import KeyFolder
from tests.support.gold_warehouse import ROOT, GoldWarehouse

DAY = {"from": "2026-11-16T00:00:00Z", "to": "2026-11-17T00:00:00Z"}


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


@contextmanager
def served(warehouse: GoldWarehouse, home: Path) -> Iterator[Service]:
    """Started before any release; retention is a day, an answer holds at most 1,000 values."""
    settings = Settings(
        home=home,
        warehouse=ROOT,
        releases=ReleaseSettings(retention=timedelta(days=1)),
        insights=InsightsSettings(max_values=1000, poll_interval=timedelta(milliseconds=50)),
    )
    KeyFolder(settings.keys_path).ensure()
    app = assemble(settings, warehouse.files, f"file://{warehouse.folder}")
    listening = Listening(app, "127.0.0.1", 0)
    with httpx.Client(base_url=f"http://127.0.0.1:{listening.port}", timeout=30) as client:
        _wait_until_ready(client)
        yield Service(client, settings)
    listening.close()


@contextmanager
def served_from_hdfs(settings: Settings) -> Iterator[httpx.Client]:
    """The API over the warehouse of a stack, on a port of its own, and a reader of all merchants."""
    KeyFolder(settings.keys_path).ensure()
    listening = Listening(create_app(settings), "127.0.0.1", 0)
    with reader(settings, f"http://127.0.0.1:{listening.port}") as client:
        yield client
    listening.close()


def reader(settings: Settings, url: str | None = None) -> httpx.Client:
    """A client of the stack's API, or of the one at ``url``, that may read all merchants."""
    token = issue(settings, "reader", [Scope.INSIGHTS_READ_ANY])
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url or settings.insights_url, headers=headers, trust_env=False, timeout=60)


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


def check_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("/problems/")
    assert problem["detail"]
