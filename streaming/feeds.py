"""Feeds every active generation of bronze from Kafka, all in one Spark session and, once they are level, by one query.

In: which generations are active, asked again every few seconds, so that one whose raw build has ended is fed without a
restart, and one that is retired is let go. Out: running feeds. Promise: if one fails, all end, with its reason; each
generation is exact by itself (see ``bronze_writer``), so the next start goes on where each of them was.

A generation that is new has a query of its own until it has read what Kafka has: the live one does not wait for it.
Then one query takes over all (see ``kafka_to_bronze``).
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.http.health import Health
from lakehouse.json_logs import fields
from streaming.feeds_health import FeedsHealth

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
END_PATIENCE = 25.0

Run = Callable[[dict[int, Health], threading.Event, threading.Event], None]
"""Feeds generations until the first event is set, and sets the second once they are level with Kafka; raises what ended
it otherwise."""


@dataclass
class _Feed:
    parts: dict[int, Health]
    stop: threading.Event = field(default_factory=threading.Event)
    level: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread = field(init=False)


class Feeds:
    """The feeds of one process."""

    def __init__(self, run: Run, active: Callable[[], Iterable[int]], health: FeedsHealth) -> None:
        self._run = run
        self._active = active
        self._health = health
        self._feeds: list[_Feed] = []
        self._failure: Exception | None = None
        self._wake = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Returns when ``stop`` is set; raises the failure of the first feed that fails."""
        try:
            while not stop.is_set() and self._failure is None:
                self._adjust()
                self._wait(stop)
        finally:
            self._end(self._feeds, END_PATIENCE)
        if self._failure is not None:
            raise self._failure

    def _wait(self, stop: threading.Event) -> None:
        waited = 0.0
        while waited < LOOK_EVERY and not self._wake.is_set() and not stop.wait(0.2):
            waited += 0.2

    def _adjust(self) -> None:
        """Starts what has become active, ends what is so no more, and joins what is level."""
        try:
            wanted = set(self._active())
        except NotReadyError as error:
            if not self._feeds:
                self._health.fail(str(error))
            return
        for feed in [feed for feed in self._feeds if feed.parts.keys() - wanted]:
            self._replace([feed], feed.parts.keys() & wanted)
        for generation in sorted(wanted - {generation for feed in self._feeds for generation in feed.parts}):
            self._start({generation})
        if len(self._feeds) > 1 and all(feed.level.is_set() for feed in self._feeds):
            log.info("the generations are level: one query feeds them", extra=fields(generations=sorted(wanted)))
            self._replace(self._feeds, wanted)
        if not self._feeds:
            self._health.beat("no generation of bronze is fed", ready=False)

    def _replace(self, feeds: list[_Feed], by: set[int]) -> None:
        """Ends them, and begins one that feeds what is still wanted, if anything is."""
        feeds = list(feeds)
        self._end(feeds)
        self._feeds = [feed for feed in self._feeds if feed not in feeds]
        for generation in {generation for feed in feeds for generation in feed.parts} - by:
            log.info("the generation is retired, and fed no more", extra=fields(generation=generation))
            self._health.forget(generation)
        if by and self._failure is None:
            self._start(by)

    def _start(self, generations: set[int]) -> None:
        feed = _Feed({generation: self._health.of(generation) for generation in sorted(generations)})
        name = "bronze-" + "-".join(f"g{generation}" for generation in feed.parts)
        feed.thread = threading.Thread(target=self._carry, args=(feed,), name=name, daemon=True)
        self._feeds.append(feed)
        feed.thread.start()

    def _carry(self, feed: _Feed) -> None:
        numbers = " and ".join(map(str, feed.parts))
        try:
            self._run(feed.parts, feed.stop, feed.level)
            if not feed.stop.is_set():
                raise LakehouseError(f"the query of bronze generation {numbers} has ended; a new start goes on")
        except Exception as error:
            log.warning("a feed has failed", extra=fields(generation=numbers, reason=str(error)[:500]))
            self._failure = self._failure or error
            for health in feed.parts.values():
                health.fail(str(error)[:500])
            self._wake.set()

    def _end(self, feeds: Iterable[_Feed], patience: float | None = None) -> None:
        for feed in feeds:
            feed.stop.set()
        for feed in feeds:
            feed.thread.join(patience)
