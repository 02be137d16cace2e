"""When a request may be answered, and which failure its events survive: ``kafka`` or ``disk``.

In: positions of requests that wait, and acknowledgements. Out: a :class:`Durable` for each request. Runs on the event
loop; the only thing that it waits for elsewhere is the disk, one sync for all requests that wait at that moment.
"""

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from ingestion.append_log import AppendLog
from ingestion.tail_cache import Cursor
from lakehouse.clients.kafka import FLUSH_BYTES
from lakehouse.settings import EdgeSettings

_LOOK_SECONDS = 0.05
_log = logging.getLogger(__name__)


class Durable(StrEnum):
    KAFKA = "kafka"
    """Acknowledged by all replicas in sync."""
    DISK = "disk"
    """On this edge's disk: survives its process and its power, not its disk."""


class Durability:
    """One per edge. ``behind`` is true while Kafka does not keep up: then the disk answers at once."""

    def __init__(self, settings: EdgeSettings, lines: AppendLog) -> None:
        self._timeout = settings.kafka_ack_timeout.total_seconds()
        self._disk_allowed = settings.allow_disk_durability
        self._lines = lines
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Cursor, float, asyncio.Future[Durable]]] = deque()
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._watch = self._loop.create_task(self._watch_the_oldest())
        self._delivered = Cursor(-1, 0)
        self.behind = False

    @property
    def usual(self) -> Durable:
        """What a response without events names."""
        return Durable.DISK if self.behind else Durable.KAFKA

    async def wait(self, end: Cursor) -> Durable:
        """Returns once the line that ends there is durable."""
        if self._delivered >= end:
            return Durable.KAFKA
        if self.behind and self._disk_allowed:
            return await self._sync(end)
        future: asyncio.Future[Durable] = self._loop.create_future()
        self._waiting.append((end, time.monotonic(), future))
        return Durable.KAFKA if await future is Durable.KAFKA else await self._sync(end)

    def delivered(self, cursor: Cursor) -> None:
        """From the sender's thread: everything before ``cursor`` is acknowledged."""
        self._loop.call_soon_threadsafe(self._on_delivered, cursor)

    def close(self) -> None:
        self._watch.cancel()
        self._syncer.shutdown(wait=False)

    def _on_delivered(self, cursor: Cursor) -> None:
        self._delivered = cursor
        while self._waiting and self._waiting[0][0] <= cursor:
            future = self._waiting.popleft()[2]
            if not future.done():
                future.set_result(Durable.KAFKA)
        if self.behind and self._lines.bytes_after(cursor) <= FLUSH_BYTES:
            self.behind = False
            _log.info("Kafka has everything again")

    async def _sync(self, end: Cursor) -> Durable:
        """Disk durability; if the disk fails too, only Kafka's acknowledgement ends the wait."""
        try:
            await self._loop.run_in_executor(self._syncer, self._lines.sync)
        except OSError:
            _log.exception("the disk does not sync; the request waits for Kafka")
            future: asyncio.Future[Durable] = self._loop.create_future()
            self._waiting.append((end, float("inf"), future))
            return await future
        return Durable.DISK

    async def _watch_the_oldest(self) -> None:
        """Kafka is behind once a request has waited too long for it."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._waiting and time.monotonic() - self._waiting[0][1] > self._timeout:
                self._fall_behind()

    def _fall_behind(self) -> None:
        if not self.behind:
            _log.warning("Kafka has not acknowledged for %.1f s: answers say `disk`", self._timeout)
        self.behind = True
        if not self._disk_allowed:
            return
        while self._waiting:
            future = self._waiting.popleft()[2]
            if not future.done():
                future.set_result(Durable.DISK)
