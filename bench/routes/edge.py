"""The hot route of the edge, in a folder: a batch of page views, as a browser's shop sends them.

Kafka's word is taken as given at once, and quotas are out of the way: what is measured is what this process does.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import AsyncMock

from bench.routes.driver import Shot
from ingestion.app import App
from ingestion.content_headers import BATCH_TYPE
from ingestion.durability import Durable
from lakehouse.clients.files import LocalFiles
from lakehouse.settings import EdgeSettings, Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue

PATH = "/v1/events"


def application(home: Path) -> tuple[App, Settings]:
    edge = EdgeSettings(quota_events_per_second=0, quota_bytes_per_second=0)
    settings = Settings(home=home, edge=edge)
    return App(settings, LocalFiles(home / "hdfs")), settings


def take_kafka_at_its_word(app: App) -> None:
    assert app.edge is not None
    app.edge.durability.wait = AsyncMock(return_value=Durable.KAFKA)  # type: ignore[method-assign]


def shot(settings: Settings, events: int) -> Shot:
    now = datetime.now(UTC).isoformat()
    batch = [
        {
            "specversion": "1.0",
            "id": f"e{number}",
            "source": "web",
            "type": "page.viewed",
            "time": now,
            "data": {"visitor_id": f"v{number}", "session_id": "s", "product_id": "p", "url": "/p"},
        }
        for number in range(events)
    ]
    token = issue(settings, "m", [Scope.EVENTS_WRITE])
    headers = [
        (b"host", b"x"),
        (b"authorization", f"Bearer {token}".encode()),
        (b"content-type", BATCH_TYPE.encode()),
    ]
    return Shot("POST", PATH, b"", headers, json.dumps(batch).encode(), 202)
