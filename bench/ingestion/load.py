"""What is sent: events of simulated shops, from a thousand merchants with a token each, as ready-made requests.

In: how many events a request has. Out: a file of requests (for each: its number of events and of bytes, and what
follows the request line), none of which is like another; and the events alone, for Kafka's own tool.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean

import msgspec

from ingestion.content_headers import BATCH_TYPE
from lakehouse.settings import Settings
from lakehouse.simulate.cloudevents import CloudEvent
from lakehouse.simulate.dataset import simulated
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue

TOKENS = 1000
SHOPS = 20
DISTINCT_EVENTS = 50_000
"""More than are in memory of any compression at once."""


@dataclass(frozen=True)
class Load:
    """``requests`` by the events of one."""

    requests: dict[int, Path]
    payload: Path
    event_bytes: int


def write(settings: Settings, folder: Path, sizes: tuple[int, ...], tokens: int = TOKENS) -> Load:
    folder.mkdir(parents=True, exist_ok=True)
    signed = [issue(settings, f"merchant-{number}", [Scope.EVENTS_WRITE]) for number in range(tokens)]
    events = [msgspec.json.encode(event) for event in itertools.islice(_events(), DISTINCT_EVENTS)]
    files = {size: folder / f"requests-{size}" for size in sizes}
    for size, file in files.items():
        file.write_bytes(b"".join(_requests(events, size, itertools.cycle(signed))))
    payload = folder / "events"
    payload.write_bytes(b"\n".join(events))
    return Load(files, payload, round(mean(map(len, events))))


def _events() -> Iterator[CloudEvent]:
    """Those of the last two days, again and again under other ids."""
    now = datetime.now(UTC).replace(microsecond=0)
    shops = simulated(seed=18, merchants=SHOPS, start=now - timedelta(days=2), end=now)
    for copy in itertools.count():
        for _, event in shops.events():
            yield event | {"id": f"{copy}-{event['id']}"}


def _requests(events: list[bytes], size: int, tokens: Iterator[str]) -> Iterator[bytes]:
    for at in range(0, len(events) - size + 1, size):
        body = b"[" + b",".join(events[at : at + size]) + b"]"
        head = (
            "Host: bench\r\nUser-Agent: bench\r\nAccept: */*\r\n"
            f"Authorization: Bearer {next(tokens)}\r\nContent-Type: {BATCH_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        rest = head.encode() + body
        yield f"{size} {len(rest)}\n".encode() + rest
