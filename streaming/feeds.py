"""Feeds every active generation of bronze from Kafka: one query each, all in one Spark session.

In: which generations are active, asked again every few seconds, so that one whose raw build has ended is fed without a
restart, and one that is retired is let go. Out: a running feed for each. Promise: if one fails, all end, with its
reason; each is exact by itself (see ``bronze_writer``), so the next start goes on where each of them was.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.service import Health, fields
from streaming.feeds_health import FeedsHealth

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
END_PATIENCE = 25.0

Run = Callable[[int, threading.Event, Health], None]
"""Feeds a generation until the event is set; raises what ended it otherwise."""


@dataclass
class _Feed:
    thread: threading.Thread
    stop: threading.Event = field(default_factory=threading.Event)


class Feeds:
    """The feeds of one process."""

    def __init__(self, run: Run, active: Callable[[], Iterable[int]], health: FeedsHealth) -> None:
        self._run = run
        self._active = active
        self._health = health
        self._feeds: dict[int, _Feed] = {}
        self._failure: Exception | None = None
        self._wake = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Returns when ``stop`` is set; raises the failure of the first feed that fails."""
        try:
            while not stop.is_set() and self._failure is None:
                self._adjust()
                self._wait(stop)
        finally:
            self._end()
        if self._failure is not None:
            raise self._failure

    def _wait(self, stop: threading.Event) -> None:
        waited = 0.0
        while waited < LOOK_EVERY and not self._wake.is_set() and not stop.wait(0.2):
            waited += 0.2

    def _adjust(self) -> None:
        """Starts what has become active, and ends what is so no more."""
        try:
            wanted = set(self._active())
        except NotReadyError as error:
            if not self._feeds:
                self._health.fail(str(error))
            return
        for generation in sorted(wanted - self._feeds.keys()):
            self._start(generation)
        for generation in sorted(self._feeds.keys() - wanted):
            log.info("the generation is retired, and fed no more", extra=fields(generation=generation))
            self._feeds[generation].stop.set()
            self._feeds[generation].thread.join()
            del self._feeds[generation]
            self._health.forget(generation)
        if not self._feeds:
            self._health.beat("no generation of bronze is fed", ready=False)

    def _start(self, generation: int) -> None:
        health, stop = self._health.of(generation), threading.Event()
        thread = threading.Thread(
            target=self._carry, args=(generation, stop, health), name=f"bronze-g{generation}", daemon=True
        )
        self._feeds[generation] = _Feed(thread, stop)
        thread.start()

    def _carry(self, generation: int, stop: threading.Event, health: Health) -> None:
        try:
            self._run(generation, stop, health)
            if not stop.is_set():
                raise LakehouseError(f"the query of bronze generation {generation} has ended; a new start goes on")
        except Exception as error:
            log.warning("a feed has failed", extra=fields(generation=generation, reason=str(error)[:500]))
            self._failure = self._failure or error
            health.fail(str(error)[:500])
            self._wake.set()

    def _end(self) -> None:
        for feed in self._feeds.values():
            feed.stop.set()
        for feed in self._feeds.values():
            feed.thread.join(END_PATIENCE)
