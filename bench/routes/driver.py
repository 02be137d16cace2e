"""Calls ASGI applications in this process, with no socket and no server in between.

In: applications that answer the same request. Out: for each, requests a second and the median time of one. They take
turns, round by round; the best round of each counts, because what else runs on the machine can only cost time.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from lakehouse.http.asgi import App, Scope

ROUNDS = 15


@dataclass(frozen=True)
class Shot:
    """A request. ``at_once``: so many are under way together."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    status: int
    at_once: int = 1

    def scope(self) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query,
            "root_path": "",
            "headers": self.headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }


@dataclass(frozen=True)
class Figure:
    per_second: float
    p50_micros: float

    def or_better(self, other: "Figure") -> "Figure":
        return Figure(max(self.per_second, other.per_second), min(self.p50_micros, other.p50_micros))


async def measure(apps: Mapping[str, App], shot: Shot, requests: int) -> dict[str, Figure]:
    best: dict[str, Figure] = {}
    for number in range(ROUNDS + 1):
        for name, app in apps.items():
            figure = await _round(app, shot, requests)
            if number:  # the first round warms up
                best[name] = figure.or_better(best.get(name, figure))
    return best


async def _round(app: App, shot: Shot, requests: int) -> Figure:
    times: list[float] = []

    async def work() -> None:
        for _ in range(requests // shot.at_once):
            started = time.perf_counter()
            await _fire(app, shot)
            times.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(shot.at_once)))
    return Figure(len(times) / (time.perf_counter() - started), median(times) * 1e6)


async def _fire(app: App, shot: Shot) -> None:
    """One request; raises where it is not answered as it should be."""
    messages = [{"type": "http.request", "body": shot.body, "more_body": False}]
    status = 0

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(shot.scope(), receive, send)
    if status != shot.status:
        raise AssertionError(f"{shot.path} was answered with {status}")
