"""When a request may be answered, and which failure its events survive: ``kafka`` or ``disk``.

In: positions of requests that wait, Kafka's acknowledgements, and whether these come from two brokers at least. Out: a
:class:`Durable` for each request. Runs on the event loop; it waits for the disk elsewhere, one sync for all requests
that wait at that moment, and syncs what nobody waits for ten times a second.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum

from ingestion.append_log import AppendLog
from ingestion.tail_cache import Cursor
from lakehouse.contracts.records import FRAME_BYTES
from lakehouse.settings import EdgeSettings

SYNC_SECONDS = 0.1
"""What Kafka alone has acknowledged is on this disk, too, not much later."""
_LOOK_SECONDS = 0.05
_log = logging.getLogger(__name__)


class Durable(StrEnum):
    KAFKA = "kafka"
    """Acknowledged by two brokers at least: survives the loss of any one node with its disk."""
    DISK = "disk"
    """On this edge's disk: survives its process and its power, not its disk."""


_Waiting = deque[tuple[Cursor, float, asyncio.Future[Durable]]]


class Durability:
    """One per edge. ``lines`` is the log that requests wait for; ``others`` are synced along with it.

    ``served`` hears of each sync that requests waited for: how many, and the seconds that it took.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        lines: AppendLog,
        others: Sequence[AppendLog] = (),
        served: Callable[[int, float], None] = lambda requests, seconds: None,
    ) -> None:
        self._timeout = settings.kafka_ack_timeout.total_seconds()
        self._disk_allowed = settings.allow_disk_durability
        self._lines = lines
        self._logs = [lines, *others]
        self._served = served
        self._loop = asyncio.get_running_loop()
        self._for_kafka: _Waiting = deque()
        self._for_disk: _Waiting = deque()
        self._wanted = asyncio.Event()
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._tasks = [self._loop.create_task(self._watch_the_oldest()), self._loop.create_task(self._keep_synced())]
        self._delivered = Cursor(-1, 0)
        self.replicated = False
        """Whether Kafka acknowledges only what two brokers have."""
        self.behind = False
        """Whether Kafka does not keep up; then the disk answers at once."""
        self.disk_failure: str | None = None
        """Why the disk does not sync at the moment."""

    @property
    def usual(self) -> Durable:
        """What a response without events names."""
        return Durable.KAFKA if self.replicated and not self.behind else Durable.DISK

    async def wait(self, end: Cursor) -> Durable:
        """Returns once the line that ends there is durable."""
        if self.replicated and self._delivered >= end:
            return Durable.KAFKA
        to_disk = self._disk_allowed and self.usual is Durable.DISK
        if to_disk and self._lines.synced >= end:
            return Durable.DISK
        future: asyncio.Future[Durable] = self._loop.create_future()
        (self._for_disk if to_disk else self._for_kafka).append((end, time.monotonic(), future))
        if to_disk:
            self._wanted.set()
        return await future

    def delivered(self, cursor: Cursor) -> None:
        """From the sender's thread: everything before ``cursor`` is acknowledged."""
        self._loop.call_soon_threadsafe(self._on_delivered, cursor)

    def connected(self, in_sync: int) -> None:
        """From the sender's thread: an acknowledgement comes from so many brokers at least."""
        self._loop.call_soon_threadsafe(self._on_connected, in_sync)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._syncer.shutdown(wait=False)

    def _on_delivered(self, cursor: Cursor) -> None:
        self._delivered = cursor
        if self.replicated:
            for waiting in (self._for_kafka, self._for_disk):
                _answer(waiting, cursor, Durable.KAFKA)
        if self.behind and self._lines.bytes_after(cursor) <= FRAME_BYTES:
            self.behind = False
            _log.info("Kafka has everything again")

    def _on_connected(self, in_sync: int) -> None:
        if self.replicated != (in_sync > 1):
            _log.info(
                "Kafka acknowledges what %d broker(s) have: answers say `%s`",
                in_sync,
                "kafka" if in_sync > 1 else "disk",
            )
        self.replicated = in_sync > 1
        if not self.replicated:
            self._leave_it_to_the_disk()

    async def _keep_synced(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), SYNC_SECONDS)
            self._wanted.clear()
            began = time.monotonic()
            try:
                synced = await self._loop.run_in_executor(self._syncer, self._sync)
            except Exception as error:  # the loop must go on: requests wait for it
                if self.disk_failure is None:
                    _log.exception("the disk does not sync; what waits for it waits until it does, or for Kafka")
                self.disk_failure = str(error)
                await asyncio.sleep(SYNC_SECONDS)
            else:
                self.disk_failure = None
                if requests := _answer(self._for_disk, synced, Durable.DISK):
                    self._served(requests, time.monotonic() - began)

    def _sync(self) -> Cursor:
        for log in self._logs:
            log.sync()
        return self._lines.synced

    async def _watch_the_oldest(self) -> None:
        """Kafka is behind once a request has waited too long for it."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._for_kafka and time.monotonic() - self._for_kafka[0][1] > self._timeout:
                self._fall_behind()

    def _fall_behind(self) -> None:
        if not self.behind:
            _log.warning("Kafka has not acknowledged for %.1f s: answers say `disk`", self._timeout)
        self.behind = True
        self._leave_it_to_the_disk()

    def _leave_it_to_the_disk(self) -> None:
        if self._disk_allowed and self._for_kafka:
            self._for_disk.extend(self._for_kafka)
            self._for_kafka.clear()
            self._wanted.set()


def _answer(waiting: _Waiting, until: Cursor, durable: Durable) -> int:
    """How many were answered: clients that went away meanwhile do not count."""
    answered = 0
    while waiting and waiting[0][0] <= until:
        future = waiting.popleft()[2]
        if not future.done():
            future.set_result(durable)
            answered += 1
    return answered
