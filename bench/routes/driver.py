"""Calls ASGI applications in this process, with no socket and no server in between.

In: applications that answer the same request. Out: for each, the median time of a request and requests a second, round
by round.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from lakehouse.http.asgi import App, Scope


@dataclass(frozen=True)
class Shot:
    """A request, and the status with which it is answered."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    status: int

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
class Rounds:
    """Of one application, a figure for each round: the median time of a request, and requests a second."""

    micros: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)


async def measure(apps: Mapping[str, App], shot: Shot, requests: int, rounds: int) -> dict[str, Rounds]:
    """They take turns; the first round of each warms up, and does not count."""
    found = {name: Rounds() for name in apps}
    for number in range(rounds + 1):
        for name, app in apps.items():
            times = [await _timed(app, shot) for _ in range(requests)]
            if number:
                found[name].micros.append(median(times) * 1e6)
                found[name].per_second.append(requests / sum(times))
    return found


async def _timed(app: App, shot: Shot) -> float:
    started = time.perf_counter()
    await _fire(app, shot)
    return time.perf_counter() - started


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
