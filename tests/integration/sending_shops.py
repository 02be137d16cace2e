"""Shops that send through the edge for as long as a test has trouble to make, and keep their receipts."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests.support.embedded_stack import EmbeddedStack

BATCH = "application/cloudevents-batch+json"
PATIENCE = 120.0


@dataclass
class Shop:
    """Sends batches one after the other, as a merchant's client does: the same ids again until there is an answer."""

    stack: EmbeddedStack
    merchant: str
    receipts: list[dict[str, Any]] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        token = issue(self.stack.settings, self.merchant, [Scope.EVENTS_WRITE])
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": BATCH}

    def batch(self, size: int = 5) -> list[dict[str, Any]]:
        now = datetime.now(UTC).isoformat()
        self.sent += size
        return [
            {
                "specversion": "1.0",
                "id": f"{self.merchant}-{number}",
                "source": "/test",
                "type": "checkout.started",
                "time": now,
                "data": {"visitor_id": "v", "session_id": "s"},
            }
            for number in range(self.sent - size, self.sent)
        ]

    def send(self, events: list[dict[str, Any]]) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        body = json.dumps(events).encode()
        while True:
            try:
                response = httpx.post(
                    f"{self.stack.settings.edge_url}/v1/events", content=body, headers=self._headers, timeout=30
                )
                if response.status_code not in (429, 503):
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the edge did not come back"
            time.sleep(0.05)
        if response.status_code == 202:
            self.receipts.append(response.json()["receipt"])
        return response

    def send_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            assert self.send(self.batch()).status_code == 202


def keep_sending(stack: EmbeddedStack, name: str, trouble: Callable[[list[Shop]], None]) -> list[Shop]:
    """Some shops send while ``trouble`` happens."""
    shops = [Shop(stack, f"{name}-{number}") for number in range(4)]
    stop = threading.Event()
    threads = [threading.Thread(target=shop.send_until, args=(stop,)) for shop in shops]
    for thread in threads:
        thread.start()
    try:
        trouble(shops)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    return shops


def await_progress(shops: list[Shop], batches: int = 10) -> None:
    """Waits until every shop has had so many more answers."""
    wanted = {shop.merchant: len(shop.receipts) + batches for shop in shops}
    deadline = time.monotonic() + PATIENCE
    while any(len(shop.receipts) < wanted[shop.merchant] for shop in shops):
        assert time.monotonic() < deadline, "no answers"
        time.sleep(0.05)
