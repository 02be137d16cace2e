"""Sends the logs to Kafka: one thread, one group of records at a time.

In: the logs of this run and of earlier ones. Out: their lines on the topics, in frames, and watermarks. Promise: to a
partition, a line is sent only when all lines before it are acknowledged, on whichever; a watermark covers only what is
acknowledged. While Kafka is away nothing is lost: the log is the queue, and a new producer begins where the last
acknowledgement was.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from ingestion import watermarks
from ingestion.backlog import Backlog
from ingestion.clock import Clock
from ingestion.incarnation import Incarnation
from ingestion.tail_cache import Cursor
from ingestion.watermarks import Mark
from lakehouse.clients.kafka import AckedProducer, Record
from lakehouse.clients.kafka_admin import acknowledging_replicas
from lakehouse.contracts import topics
from lakehouse.contracts.records import FRAME_BYTES, Watermark
from lakehouse.errors import NotReadyError
from lakehouse.settings import Settings
from lakehouse.turns import Turns

RETRY_SECONDS = 0.5
REPLICAS_SECONDS = 60.0
"""So soon an answer follows an operator who changes ``min.insync.replicas``."""
GATHER_SECONDS = 0.03
"""So long lines gather after a small flush where nobody waits for Kafka, because the disk answers: fewer records cost
the edge, Kafka and Spark less."""
AWAITED_SECONDS = 0.005
"""The same where answers wait for Kafka. A flush costs about a millisecond of CPU, however little it holds; a request
that comes alone finds none before it, and waits for nothing."""
FLUSH_SECONDS = 15.0
"""How long a producer may try: long enough for a broker to come back, because a new producer sends copies."""
_log = logging.getLogger(__name__)


class KafkaSender:
    """The sender thread. It calls ``on_delivered`` after each flush with this run's cursor, and ``on_connected`` when
    a session begins and each minute with how many brokers an acknowledgement comes from at least."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        on_delivered: Callable[[Cursor], None],
        on_connected: Callable[[int], None],
        clock_trusted: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_delivered = on_delivered
        self._on_connected = on_connected
        self._clock_trusted = clock_trusted
        self._incarnations: list[Incarnation] = []
        self._live: Incarnation | None = None
        self._backlog = Backlog()
        self._wake = threading.Event()
        self._turns = Turns("delivery", self._turn, "delivery failed, and begins again from the log", RETRY_SECONDS)
        self._awaited = True
        self._watermarks_due = self._replicas_due = time.monotonic()
        self.failure: str | None = "not connected yet"
        """Why Kafka does not take anything at the moment."""

    def start(self, live: Incarnation, incarnations: list[Incarnation]) -> None:
        """``incarnations`` is shared: what is finished disappears from it."""
        self._live = live
        self._incarnations = incarnations
        self._turns.start()

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def send_watermarks_now(self) -> None:
        """Watermarks are sent with the next round, whenever they were sent before."""
        self._watermarks_due = 0.0
        self._wake.set()

    def stop(self, timeout: float) -> None:
        self._wake.set()
        self._turns.stop(timeout)

    def _turn(self) -> float:
        try:
            self._session()
        except NotReadyError as error:
            if self.failure is None:
                _log.warning("Kafka does not take events, they stay in the log: %s", error)
            self.failure = str(error)
        except Exception:
            self.failure = "delivery failed; see the edge's log"
            raise
        return RETRY_SECONDS

    def _session(self) -> None:
        """One producer, until it fails or the edge stops."""
        name = f"{self._settings.edge.name}-delivery"
        producer = AckedProducer(self._settings.kafka_bootstrap, name, FLUSH_SECONDS)
        try:
            producer.partitions(topics.EVENTS.name)
            if self.failure is not None:
                _log.info("connected to Kafka at %s", self._settings.kafka_bootstrap)
            self._look_at_replicas()
            self.failure = None
            while not self._turns.stopping:
                self._wake.clear()
                sent = self._send_backlog(producer)
                if not sent:
                    self._wake.wait(max(0.0, min(1.0, self._watermarks_due - time.monotonic())))
                elif sent < FRAME_BYTES:
                    self._turns.pause(AWAITED_SECONDS if self._awaited else GATHER_SECONDS)
                if time.monotonic() >= self._replicas_due:
                    with suppress(NotReadyError):  # a broker that is gone ends no session with the others
                        self._look_at_replicas()
                if time.monotonic() >= self._watermarks_due:
                    self._send_watermarks(producer)
        finally:
            producer.abandon()

    def _look_at_replicas(self) -> None:
        self._replicas_due = time.monotonic() + REPLICAS_SECONDS
        in_sync = acknowledging_replicas(self._settings.kafka_bootstrap, topics.EVENTS.name)
        self._awaited = in_sync > 1
        self._on_connected(in_sync)

    def _send_backlog(self, producer: AckedProducer) -> int:
        """Sends the next group, and returns its bytes: 0 if nothing waits."""
        group = self._backlog.next_group(list(self._incarnations), producer.partitions(topics.EVENTS.name))
        if not group.records:
            return 0
        producer.send(group.records)
        for outbox, end in group.ends:
            outbox.delivered = end
        if self._live is not None:
            self._on_delivered(self._live.accepted_outbox.delivered)
        return group.size

    def _send_watermarks(self, producer: AckedProducer) -> None:
        trusted = self._clock_trusted()
        marks = watermarks.due(list(self._incarnations), self._clock, trusted)
        partitions = producer.partitions(topics.EVENTS.name)
        producer.send([self._record(mark, partition) for mark in marks for partition in partitions])
        for mark in marks:
            mark.incarnation.watermark = mark.instant
            if mark.closes:
                mark.incarnation.record_closed_watermarks()
        interval = self._settings.edge.low_mark_interval.total_seconds()
        self._watermarks_due = time.monotonic() + (interval if trusted else min(1.0, interval))

    def _record(self, mark: Mark, partition: int) -> Record:
        value = msgspec.json.encode(Watermark(self._settings.edge.name, mark.incarnation.id, partition, mark.instant))
        return Record(topics.EVENTS.name, value, partition)
