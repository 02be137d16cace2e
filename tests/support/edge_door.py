"""The edge's route for events without a server: a request as ASGI has it, answered by the real code.

In: headers, a body in parts, a query. Out: status, headers and body. Its log is real; it neither delivers nor syncs.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.content_headers import BATCH_TYPE, EVENT_TYPE
from ingestion.durability import Durable
from ingestion.edge import Edge
from ingestion.events_route import EventsRoute
from ingestion.telemetry import EdgeMetrics
from lakehouse.clients.files import LocalFiles
from lakehouse.http.asgi import Headers
from lakehouse.tokens import Scope, Verifier
from lakehouse.tokens.issue import issue
from tests.support.running_edge import settings_of
from tests.support.valid_events import encode, order, view

DOCUMENTED = {202, 400, 401, 403, 413, 415, 503}
"""Of a POST whose body comes in time, within the quota."""
GOOD = [encode([order(), view()]), encode(order()), encode(order()["data"]), b"[]", b"{}", b""]
TYPES = [BATCH_TYPE, EVENT_TYPE, "application/json", "text/plain", f"{EVENT_TYPE};charset=UTF-8", "a/b+json; charset=x"]
NAMES = ["content-type", "content-encoding", "traceparent", "tracestate", "authorization", "content-length"]
ATTRIBUTES = ["specversion", "id", "source", "type", "time", "subject", "data", "datacontenttype", "é", ""]
VALUES = [
    "1.0",
    "gzip",
    "zstd",
    "identity",
    "Bearer x",
    "page.viewed",
    "2026-11-20T10:15:30Z",
    "%C3%A9",
    "%FF%",
    '"\\"',
]
"""What requests are made of: bodies, media types, and the names and values of other headers."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class EdgeDoor:
    """One edge; ``ask`` may be called as often as wanted. No quota: what is asked comes fast."""

    def __init__(self, home: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.tokens: dict[Scope, bytes] = {}
        self._endpoint = self.loop.run_until_complete(self._made(home)).endpoint

    def close(self) -> None:
        self._edge.durability.close()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.loop.close()

    async def _made(self, home: Path) -> EventsRoute:
        settings = settings_of(home, quota_events_per_second=0, quota_bytes_per_second=0)
        for scope in (Scope.EVENTS_WRITE, Scope.EVENTS_WRITE_BROWSER, Scope.INSIGHTS_READ):
            self.tokens[scope] = issue(settings, "shop-1", [scope]).encode()
        edge = Edge(settings, LocalFiles(home / "hdfs"), EdgeMetrics())
        self._edge = edge
        edge.durable = _at_once  # type: ignore[assignment, method-assign]
        return EventsRoute(edge, Verifier(settings))

    def ask(self, headers: Headers, parts: Sequence[bytes], query: bytes = b"", method: str = "POST") -> Answer:
        return self.loop.run_until_complete(self._ask(headers, list(parts) or [b""], query, method))

    async def _ask(self, headers: Headers, parts: list[bytes], query: bytes, method: str) -> Answer:
        sent: list[Any] = []
        waiting = iter([{"type": "http.request", "body": part, "more_body": True} for part in parts[:-1]])
        last = {"type": "http.request", "body": parts[-1], "more_body": False}

        async def receive() -> Any:
            return next(waiting, last)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": "/v1/events", "headers": headers, "query_string": query}
        await self._endpoint(scope, receive, send)
        start, *bodies = sent
        return Answer(start["status"], dict(start["headers"]), b"".join(one.get("body", b"") for one in bodies))


async def _at_once(_: Any) -> Durable:
    return Durable.DISK


def assert_documented(answer: Answer) -> None:
    assert answer.status in DOCUMENTED, answer
    found = answer.json
    assert [one for one in found.get("rejected", []) if one["reason"] == "internal_error"] == []
    if answer.status == 202:
        assert found["accepted"] >= 0
        return
    assert answer.headers[b"content-type"] == b"application/problem+json"
    assert found["status"] == answer.status
