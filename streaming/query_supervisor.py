"""Keeps every active generation of bronze fed from Kafka, all in one Spark session.

In: which generations are active, checked again every few seconds, so that a generation whose raw build has ended is
fed without a restart, and a retired one is not fed any more. Out: running queries. Promise: if one fails, all end,
with its reason; each generation is exact by itself (see ``bronze_writer``), so the next start continues where each of
them was. A generation that is stranded, because Kafka does not have what it needs next, ends no other: one that is made
from raw files in its place has to be fed meanwhile.

A new generation has a query of its own until it has read what Kafka has, so that the live one does not wait for it.
Then one query takes over all (see ``kafka_to_bronze``).
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lakehouse.contracts.ids import GenerationNumber
from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.http.health import Health
from lakehouse.json_logs import fields
from streaming.generations_health import GenerationsHealth
from streaming.offsets import StrandedError

log = logging.getLogger(__name__)

CHECK_EVERY = 2.0
END_TIMEOUT = 25.0

Run = Callable[[dict[GenerationNumber, Health], threading.Event, threading.Event], None]
"""Feeds generations until the first event is set, and sets the second once they have caught up with Kafka; raises what
ended it otherwise."""


@dataclass
class _Query:
    parts: dict[GenerationNumber, Health]
    stop: threading.Event = field(default_factory=threading.Event)
    caught_up: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread = field(init=False)


class QuerySupervisor:
    """The feeds of one process."""

    def __init__(self, run: Run, active: Callable[[], Iterable[GenerationNumber]], health: GenerationsHealth) -> None:
        self._run = run
        self._active = active
        self._health = health
        self._queries: list[_Query] = []
        self._failure: Exception | None = None
        self._stranded: frozenset[GenerationNumber] = frozenset()
        self._wake = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Returns when ``stop`` is set; raises the failure of the first query that fails."""
        try:
            while not stop.is_set() and self._failure is None:
                self._adjust()
                self._wait(stop)
        finally:
            self._end(self._queries, END_TIMEOUT)
        if self._failure is not None:
            raise self._failure

    def _wait(self, stop: threading.Event) -> None:
        waited = 0.0
        while waited < CHECK_EVERY and not self._wake.is_set() and not stop.wait(0.2):
            waited += 0.2
        self._wake.clear()

    def _adjust(self) -> None:
        """Starts what has become active, ends what is so no more, and joins what has caught up."""
        try:
            active = set(self._active())
        except NotReadyError as error:
            if not self._queries:
                self._health.fail(str(error))
            return
        for generation in self._stranded - active:
            self._health.forget(generation)
        self._stranded &= active
        wanted = active - self._stranded
        for query in [query for query in self._queries if query.parts.keys() - wanted]:
            self._replace([query], query.parts.keys() & wanted)
        for generation in sorted(wanted - {generation for query in self._queries for generation in query.parts}):
            self._start({generation})
        if len(self._queries) > 1 and all(query.caught_up.is_set() for query in self._queries):
            log.info("the generations have caught up: one query feeds them", extra=fields(generations=sorted(wanted)))
            self._replace(self._queries, wanted)
        if not self._queries:
            self._health.beat("no generation of bronze is fed", ready=False)

    def _replace(self, queries: list[_Query], by: set[GenerationNumber]) -> None:
        """Ends them, and begins one that feeds what is still wanted, if anything is."""
        queries = list(queries)
        self._end(queries)
        self._queries = [query for query in self._queries if query not in queries]
        for generation in {generation for query in queries for generation in query.parts} - by - self._stranded:
            log.info("the generation is retired, and fed no more", extra=fields(generation=generation))
            self._health.forget(generation)
        if by and self._failure is None:
            self._start(by)

    def _start(self, generations: set[GenerationNumber]) -> None:
        query = _Query({generation: self._health.of(generation) for generation in sorted(generations)})
        name = "bronze-" + "-".join(f"g{generation}" for generation in query.parts)
        query.thread = threading.Thread(target=self._run_query, args=(query,), name=name, daemon=True)
        self._queries.append(query)
        query.thread.start()

    def _run_query(self, query: _Query) -> None:
        numbers = " and ".join(map(str, query.parts))
        try:
            self._run(query.parts, query.stop, query.caught_up)
            if not query.stop.is_set():
                raise LakehouseError(f"the query of bronze generation {numbers} has ended; a new start goes on")
        except StrandedError as error:
            log.error("stranded; the other generations are fed", extra=fields(generation=numbers, reason=str(error)))
            for generation, reason in error.reasons.items():
                query.parts[generation].fail(reason)
            self._stranded |= error.reasons.keys()
            self._wake.set()
        except Exception as error:
            log.warning("a query has failed", extra=fields(generation=numbers, reason=str(error)[:500]))
            self._failure = self._failure or error
            for health in query.parts.values():
                health.fail(str(error)[:500])
            self._wake.set()

    def _end(self, queries: Iterable[_Query], timeout: float | None = None) -> None:
        for query in queries:
            query.stop.set()
        for query in queries:
            query.thread.join(timeout)
