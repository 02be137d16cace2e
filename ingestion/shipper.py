"""Ships sealed segments to raw files on HDFS, publishes the edge's ledger, and deletes what both ends have: one
thread.

In: the segments of this run and of earlier ones. Out: a raw file and its manifest per segment, the manifest last; a
ledger per incarnation. Promise: a local segment is deleted only when Kafka and HDFS both have it. All steps may be
repeated: an existing file with equal bytes is done.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable

import msgspec

from ingestion.clock import Clock
from ingestion.incarnation import Incarnation
from ingestion.segment import Segment
from lakehouse import instants
from lakehouse.clients.files import Files, publish, replace
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import RawManifest
from lakehouse.errors import LakehouseError, NotFoundError
from lakehouse.settings import EdgeSettings

TICK_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Shipper:
    """The thread that looks after the logs' far end."""

    def __init__(
        self,
        settings: EdgeSettings,
        files: Files,
        layout: Layout,
        clock: Clock,
        before_round: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._files = files
        self._layout = layout
        self._clock = clock
        self._before_round = before_round
        self._incarnations: list[Incarnation] = []
        self._published_at = 0.0
        self._stopping = threading.Event()
        self._tick = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self.failure: str | None = None
        """Why HDFS does not take anything at the moment."""
        self.clock_skew: float | None = None
        """Seconds by which our clock is ahead of the NameNode's, as of the last ledger; None before the first."""

    def start(self, incarnations: list[Incarnation]) -> None:
        self._incarnations = incarnations
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopping.set()
        self._tick.set()
        self._thread.join(timeout)

    def run_now(self) -> None:
        """The edge ends: a round now, ledgers included."""
        self._published_at = 0.0
        self._tick.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._tick.wait(TICK_SECONDS)
            self._tick.clear()
            try:
                self.round()
                self.failure = None
            except LakehouseError as error:
                if self.failure is None:
                    _log.warning("HDFS does not take segments, they stay on this disk: %s", error)
                self.failure = str(error)
            except Exception as error:
                _log.exception("shipping failed, and is tried again")
                self.failure = f"{type(error).__name__}: {error}"

    def round(self) -> None:
        """Everything that is due now."""
        self._before_round()
        for incarnation in list(self._incarnations):
            if not incarnation.ended:
                incarnation.log.seal(self._settings.segment_max_age.total_seconds())
                if incarnation.rejected.end.offset and incarnation.rejected_outbox.done:
                    incarnation.rejected.roll()
            incarnation.delete_delivered()
        for incarnation in list(self._incarnations):
            for segment in incarnation.log.sealed():
                if segment.number not in incarnation.shipped:
                    self._ship(incarnation, segment)
        self._publish_ledgers()
        for incarnation in list(self._incarnations):
            incarnation.delete_delivered()
            if incarnation.finish():
                self._incarnations.remove(incarnation)

    def _ship(self, incarnation: Incarnation, segment: Segment) -> None:
        """The file, then its manifest: the manifest is the commit."""
        data = incarnation.log.lines.path(segment.number).read_bytes()
        manifest = self._manifest(segment, data)
        encoded = msgspec.json.encode(manifest)
        date = instants.from_micros(segment.first_accepted_at).date().isoformat()
        if self._read(self._layout.raw_manifest(date, segment.id)) != encoded:
            publish(self._files, self._layout.staging, self._layout.raw_file(date, segment.id), data)
            publish(self._files, self._layout.staging, self._layout.raw_manifest(date, segment.id), encoded)
        incarnation.shipped.add(segment.number)
        self._published_at = 0.0

    def _manifest(self, segment: Segment, data: bytes) -> RawManifest:
        return RawManifest(
            edge=self._settings.name,
            segment=segment.id,
            first=segment.first,
            last=segment.next - 1,
            count=segment.next - segment.first,
            bytes=len(data),
            checksum=hashlib.sha256(data).hexdigest(),
            hours=segment.hours,
            first_accepted_at=segment.first_accepted_at,
            last_accepted_at=segment.last_accepted_at,
        )

    def _publish_ledgers(self) -> None:
        """With each seal, and at least every mark interval where something has changed."""
        if time.monotonic() - self._published_at < self._settings.low_mark_interval.total_seconds():
            return
        for incarnation in list(self._incarnations):
            incarnation.save()
            if incarnation.owes_ledger:
                self._publish_ledger(incarnation)
        self._published_at = time.monotonic()

    def _publish_ledger(self, incarnation: Incarnation) -> None:
        ledger = incarnation.ledger(self._clock.now())
        path = self._layout.edge_ledger(ledger.edge, ledger.incarnation)
        if ledger.owes_nothing:
            path = self._layout.closed_ledger(ledger.edge, ledger.incarnation)
        before = instants.now_micros()
        replace(self._files, self._layout.staging, path, msgspec.json.encode(ledger))
        self._compare_clocks(before, self._files.stat(path).modified_at * 1000, instants.now_micros())
        if ledger.owes_nothing:
            # A crash before this leaves both; readers take the one that is closed, and the next start deletes again.
            self._files.delete(self._layout.edge_ledger(ledger.edge, ledger.incarnation))
            incarnation.record_closed_ledger()

    def _compare_clocks(self, before: int, stamp: int, after: int) -> None:
        """The NameNode stamped a file that we wrote between two looks at our own clock."""
        ahead = before - stamp if stamp < before else min(0, after - stamp)
        self.clock_skew = 0.0 if abs(ahead) < 1_000 else ahead / 1_000_000

    def _read(self, path: str) -> bytes | None:
        try:
            return self._files.read(path)
        except NotFoundError:
            return None
