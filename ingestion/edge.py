"""An edge: the parts behind the HTTP route, and their lifecycle.

In: settings. Out: :meth:`Edge.accept` for the route, and :meth:`Edge.unavailable_reason` for it and for health checks.
Holds the exclusive lock on its folder: two edges of one name on one machine cannot run.
"""

import asyncio
import logging
import time

import msgspec

from ingestion import leftovers
from ingestion.clock import Clock
from ingestion.disk_space import DiskSpace
from ingestion.durability import Durability, Durable
from ingestion.healer import Healer
from ingestion.incarnation import Incarnation, begin
from ingestion.kafka_sender import KafkaSender
from ingestion.key_check import KeyCheck
from ingestion.rejections import Rejection
from ingestion.segment_log import Position
from ingestion.shipper import Shipper
from ingestion.telemetry import EdgeMetrics
from lakehouse.clients.files import Files
from lakehouse.contracts import topics
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedEvent, Rejected
from lakehouse.settings import Settings
from lakehouse.tokens.exchange import KeyPoller

STOP_SECONDS = 15.0
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class Edge:
    """Started on the event loop that it serves."""

    def __init__(
        self,
        settings: Settings,
        files: Files,
        metrics: EdgeMetrics,
        worker: int | None = None,
    ) -> None:
        """``worker`` is the number of this process where several share a port."""
        self.settings = settings
        self.metrics = metrics
        self.folder = leftovers.folder_of(settings, worker)
        self._lock = leftovers.take_lock(self.folder, settings.edge.name)
        self.clock = Clock(self.folder / leftovers.CLOCK)
        leftovers.adopt(self.folder, self.clock, settings.edge)
        unfinished = leftovers.unfinished(self.folder, self.clock, settings.edge)
        self._incarnations = [run for run in unfinished if not run.torn]
        torn = [run for run in unfinished if run.torn]
        self.healer = Healer(settings, torn, self._incarnations.append, self._clock_trusted)
        self.live: Incarnation = begin(self.folder, self.clock, settings.edge)
        self._incarnations.insert(0, self.live)
        layout = Layout(settings.warehouse)
        hashes = settings.edge.hash_personal_ids
        self.key_check = KeyCheck(settings, files, layout, self.clock.now) if hashes else None
        self._keys: KeyPoller | None = None
        self.pseudonyms = self.key_check.pseudonyms if self.key_check else None
        self.shipper = Shipper(settings.edge, files, layout, self.clock)
        self.durability = Durability(settings.edge, self.live.log.lines, [self.live.rejected], metrics.synced)
        self.kafka = KafkaSender(
            settings, self.clock, self.durability.delivered, self.durability.connected, self._clock_trusted
        )
        self.space = DiskSpace(settings.edge, self.folder, self._may_leave_to_kafka)

    def start(self) -> None:
        self.kafka.start(self.live, self._incarnations)
        self.shipper.start(self._incarnations)
        if self.key_check is not None:
            self._keys = KeyPoller(self.key_check, self.settings.tokens.exchange_interval.total_seconds())
        self.healer.start()
        self.space.start(self._incarnations)
        _log.info("edge %s runs as incarnation %s", self.settings.edge.name, self.live.id)

    async def stop(self) -> None:
        """Delivers, ships and closes what it can within some seconds; the next start does the rest."""
        self.live.end()
        deadline = time.monotonic() + STOP_SECONDS
        self.kafka.send_watermarks_now()
        while self.live in self._incarnations and time.monotonic() < deadline and not self._cannot_finish():
            if self.live.owes_watermarks:
                self.kafka.send_watermarks_now()
            self.shipper.run_now()
            await asyncio.sleep(0.1)
        # One that is still looking for Kafka has nothing under way.
        await asyncio.to_thread(self.kafka.stop, 5.0 if self.kafka.failure is None else 0.0)
        await asyncio.to_thread(self.shipper.stop, 5.0)
        await asyncio.to_thread(self.healer.stop, 1.0)
        await asyncio.to_thread(self.space.stop, 1.0)
        if self._keys is not None:
            await asyncio.to_thread(self._keys.stop)
        self.durability.close()
        self._lock.close()
        if self.live in self._incarnations:
            _log.warning("stopped before everything was delivered; the rest is in %s", self.live.folder)

    def accept(self, merchant_id: str, events: list[AcceptedEvent]) -> Position:
        """Positions for the events of one request; raises NotReadyError if the disk does not take them."""
        position = self.live.log.append(merchant_id, events)
        self.kafka.wake()
        return position

    def keep_rejected(self, merchant_id: str, rejections: list[Rejection]) -> None:
        """Refused events go to quarantine; raises NotReadyError if the disk does not take them."""
        now = self.clock.now()
        name = self.settings.edge.name
        for one in rejections:
            record = Rejected(name, now, merchant_id, one.reason.value, one.detail, one.body, one.id)
            self.live.rejected.append(_encode(record))
            self.metrics.rejected[one.reason].inc()
        self.kafka.wake()

    async def durable(self, position: Position) -> Durable:
        return await self.durability.wait(position.end)

    def unavailable_reason(self) -> str | None:
        """Why no event can be taken now; None if all is well."""
        if self.key_check is not None and (refusal := self.key_check.refusal(self.clock.now())) is not None:
            return refusal
        if self._clock_is_off():
            return f"the clock differs by {self.clock_skew:.0f} s from the NameNode's or the log's; set the clock"
        free, reserve = self.space.free, self.settings.edge.disk_reserve_bytes
        if free < reserve:
            return (
                f"{self.folder} has {free} bytes left, and {reserve} are kept for what ends an outage (Kafka: "
                f"{self.kafka.failure or 'well'}, HDFS: {self.shipper.failure or 'well'}); free space on its disk"
            )
        if self.durability.usual is Durable.KAFKA and self.kafka.failure is None:
            return None
        if not self.settings.edge.allow_disk_durability:
            trouble = self.kafka.failure or (
                "not in time" if self.durability.behind else f"min.insync.replicas of {topics.EVENTS.name} is below 2"
            )
            return (
                f"Kafka does not acknowledge what two brokers have ({trouble}), and durability on disk is not allowed"
            )
        if self.durability.disk_failure is not None:
            return f"the disk does not sync ({self.durability.disk_failure}), and Kafka does not make up for it"
        return None

    def _may_leave_to_kafka(self) -> bool:
        """Kafka is well, two brokers at least have what it has acknowledged, and HDFS is away. With one broker, this
        disk is what a receipt rests on."""
        return self.durability.replicated and self.kafka.failure is None and self.shipper.is_hdfs_away

    @property
    def clock_skew(self) -> float:
        """Seconds between our stamps and the NameNode's, or between our stamps and this machine's clock."""
        return max(abs(self.shipper.clock_skew or 0.0), self.clock.lead)

    def _clock_trusted(self) -> bool:
        """Compared with the NameNode's, and near it."""
        return self.shipper.clock_skew is not None and not self._clock_is_off()

    def _clock_is_off(self) -> bool:
        return self.clock_skew > self.settings.edge.max_clock_skew.total_seconds()

    @property
    def unsent_bytes(self) -> int:
        """Over all runs."""
        return sum(outbox.unsent for incarnation in list(self._incarnations) for outbox in incarnation.outboxes)

    def observe(self) -> None:
        """Sets the gauges."""
        self.metrics.unsent_bytes.set(self.unsent_bytes)
        self.metrics.clock_skew.set(self.clock_skew)
        self.metrics.torn_runs.set(len(self.healer.torn))
        self.metrics.lacking_keys.set(len(self.key_check.lacks) if self.key_check else 0)
        unshipped = sum(
            len(one.log.segments) - len(one.shipped & one.log.segments.keys()) for one in self._incarnations
        )
        self.metrics.unshipped_segments.set(unshipped)
        gaps = [one.span for run in list(self._incarnations) for one in run.raw_gaps.gaps]
        self.metrics.raw_gap_events.set(sum(end - start for start, end in gaps))

    def _cannot_finish(self) -> bool:
        return self.kafka.failure is not None or self.shipper.failure is not None
