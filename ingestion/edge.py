"""An edge: the parts behind the HTTP door, their start and their end.

In: settings. Out: :meth:`Edge.accept` for the door, and :meth:`Edge.trouble` for those who ask how it is. Holds the
exclusive lock on its folder: two edges of one name on one machine cannot run.
"""

import asyncio
import fcntl
import logging
import shutil
import time
from typing import IO

import msgspec

from ingestion.clock import Clock
from ingestion.delivery import Delivery
from ingestion.durability import Durability, Durable
from ingestion.incarnation import DONE, REJECTED_KEY, Incarnation, begin
from ingestion.measures import Measures
from ingestion.reasons import Refusal
from ingestion.segment_log import Position
from ingestion.shipper import Shipper
from lakehouse.clients.files import Files
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedEvent, Rejected
from lakehouse.errors import LakehouseError, RefusedError
from lakehouse.settings import Settings

STOP_SECONDS = 15.0
MIN_FREE_BYTES = 32 << 20
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class Edge:
    """Started on the event loop that it serves."""

    def __init__(self, settings: Settings, files: Files, measures: Measures) -> None:
        self.settings = settings
        self.measures = measures
        self.folder = settings.home_path / "edge" / settings.edge.name
        self._lock = self._take_lock()
        self.clock = Clock(self.folder / "clock.json")
        self._incarnations = self._left_behind()
        self.live: Incarnation = begin(self.folder, self.clock, settings.edge)
        self._incarnations.insert(0, self.live)
        self.shipper = Shipper(settings.edge, files, Layout(settings.warehouse), self.clock)
        self.durability = Durability(settings.edge, self.live.log.lines)
        self.delivery = Delivery(settings, self.clock, self.durability.delivered)

    def start(self) -> None:
        self.delivery.start(self.live, self._incarnations)
        self.shipper.start(self._incarnations)
        _log.info("edge %s runs as incarnation %s", self.settings.edge.name, self.live.id)

    async def stop(self) -> None:
        """Delivers, ships and closes what it can within some seconds; the next start does the rest."""
        self.live.end()
        deadline = time.monotonic() + STOP_SECONDS
        self.delivery.mark_soon()
        while self.live in self._incarnations and time.monotonic() < deadline and not self._hopeless():
            if self.live.owes_marks:
                self.delivery.mark_soon()
            self.shipper.hurry()
            await asyncio.sleep(0.1)
        await asyncio.to_thread(self.delivery.stop, 5.0)
        await asyncio.to_thread(self.shipper.stop, 5.0)
        self.durability.close()
        self._lock.close()
        if self.live in self._incarnations:
            _log.warning("stopped before everything was delivered; the rest is in %s", self.live.folder)

    def accept(self, merchant_id: str, events: list[AcceptedEvent]) -> Position:
        """Positions for the events of one request; raises NotReadyError if the disk does not take them."""
        position = self.live.log.append(merchant_id, events)
        self.delivery.wake()
        return position

    def keep_rejected(self, merchant_id: str, refusals: list[Refusal]) -> None:
        """Refused events go to quarantine; raises NotReadyError if the disk does not take them."""
        now = self.clock.now()
        name = self.settings.edge.name
        for refusal in refusals:
            record = Rejected(name, now, merchant_id, refusal.reason.value, refusal.detail, refusal.body, refusal.id)
            self.live.rejected.append(REJECTED_KEY, _encode(record))
            self.measures.rejected[refusal.reason].inc()
        self.delivery.wake()

    async def durable(self, position: Position) -> Durable:
        return await self.durability.wait(position.end)

    def readiness(self) -> str | None:
        """Why a load balancer should send nothing here; None if all is well."""
        free = shutil.disk_usage(self.folder).free
        return f"{self.folder} has only {free} bytes left" if free < MIN_FREE_BYTES else self.trouble()

    def trouble(self) -> str | None:
        """Why no event can be taken now; None if all is well."""
        if self.clock_skew > self.settings.edge.max_clock_skew.total_seconds():
            return f"the clock differs by {self.clock_skew:.0f} s from the NameNode's or the log's; set the clock"
        if self.unsent_bytes > self.settings.edge.max_unsent_bytes:
            return f"Kafka has not taken {self.unsent_bytes} bytes, more than may wait here"
        away = self.durability.behind or self.delivery.failure is not None
        if away and not self.settings.edge.allow_disk_durability:
            return f"Kafka does not answer, and durability on disk is not allowed ({self.delivery.failure})"
        return None

    @property
    def clock_skew(self) -> float:
        """Seconds between our stamps and the NameNode's, or between our stamps and this machine's clock."""
        return max(abs(self.shipper.clock_skew), self.clock.lead)

    @property
    def unsent_bytes(self) -> int:
        return self.live.accepted_lane.unsent + self.live.rejected_lane.unsent

    def observe(self) -> None:
        """Sets the gauges."""
        self.measures.unsent_bytes.set(self.unsent_bytes)
        self.measures.clock_skew.set(self.clock_skew)
        unshipped = sum(
            len(one.log.segments) - len(one.shipped & one.log.segments.keys()) for one in self._incarnations
        )
        self.measures.unshipped_segments.set(unshipped)

    def _hopeless(self) -> bool:
        return self.delivery.failure is not None or self.shipper.failure is not None

    def _take_lock(self) -> IO[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            name = self.settings.edge.name
            raise RefusedError(
                f"another edge named {name} holds {self.folder}. Stop it, or set LAKEHOUSE_EDGE__NAME to another name."
            ) from error
        return lock

    def _left_behind(self) -> list[Incarnation]:
        """Earlier runs that still owe something. One that cannot be read does not keep the edge from starting."""
        found = []
        for path in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            if path.name.endswith(DONE):
                shutil.rmtree(path)
                continue
            try:
                found.append(Incarnation(path, self.clock, self.settings.edge, ended=True))
            except (LakehouseError, OSError, msgspec.MsgspecError) as error:
                _log.error("an earlier run cannot be delivered: %s: %s", path, error)
        return found
