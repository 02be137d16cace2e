"""A real edge over loopback HTTP, with no Kafka (so its disk answers) and a folder instead of HDFS; what it is sent."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from ingestion.app import App
from ingestion.content_headers import BATCH_TYPE
from lakehouse.clients.files import LocalFiles
from lakehouse.settings import EdgeSettings, Settings, TokenSettings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests.support.valid_events import order

NOW = datetime.now(UTC)
BATCH = {"Content-Type": BATCH_TYPE}


@dataclass
class RunningEdge:
    """Where it listens, and what it was made of."""

    settings: Settings
    app: App
    client: httpx.Client
    files: LocalFiles

    @property
    def url(self) -> str:
        return f"{self.settings.edge_url}/v1/events"

    def token(self, *scopes: Scope, merchant: str = "shop-1") -> str:
        return issue(self.settings, merchant, list(scopes or [Scope.EVENTS_WRITE]))

    def bearer(self, *scopes: Scope, merchant: str = "shop-1") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(*scopes, merchant=merchant)}"}


def free_port_base() -> int:
    """A port that is free, and some above it that nobody is known to use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return min(int(probe.getsockname()[1]), 64_000)


def serve(settings: Settings, files: LocalFiles) -> Iterator[RunningEdge]:
    app = App(settings, files)
    server = uvicorn.Server(
        uvicorn.Config(
            app, host=settings.host, port=settings.ports.edge, http=app.protocol(), access_log=False, log_config=None
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline and thread.is_alive():
        time.sleep(0.01)
    assert server.started
    try:
        with httpx.Client(timeout=20, trust_env=False) as client:
            yield RunningEdge(settings, app, client, files)
    finally:
        server.should_exit = True
        thread.join(40)
        assert not thread.is_alive()


def settings_of(home: Path, **edge: object) -> Settings:
    loads_fast = {"kafka_ack_timeout": timedelta(seconds=0.2)} | edge
    return Settings(
        home=home,
        port_base=free_port_base(),
        edge=EdgeSettings.model_validate(loads_fast),
        tokens=TokenSettings(refresh_interval=timedelta(seconds=0.1)),
    )


def event(number: int = 0, **changes: Any) -> dict[str, Any]:
    return order() | {"id": f"e{number}", "time": NOW.isoformat()} | changes


def view(number: int = 0) -> dict[str, Any]:
    return event(number, type="page.viewed", data={"visitor_id": "v", "session_id": "s"})


def post(edge: RunningEdge, body: bytes, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    return edge.client.post(edge.url, content=body, headers=edge.bearer() | BATCH | (headers or {}), **more)


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["type"], body["status"]) == (f"/problems/{slug}", status)
    assert body["title"]
    assert body["detail"]
    return body
