"""Ships sealed segments to raw files on HDFS, publishes the edge's ledger, and deletes what both ends have: one
thread.

In: the segments of this run and of earlier ones. Out: a raw file and its manifest per segment, the manifest last; a
ledger per incarnation, and its raw gaps. Promise: a local segment is deleted here only when Kafka and HDFS both have
it (``disk_space`` tells of another case). All steps may be repeated: an existing file with equal bytes is done.
"""

import hashlib
import logging
import time

import msgspec

from ingestion.clock import Clock
from ingestion.incarnation import Incarnation
from ingestion.segment import Segment
from lakehouse import instants
from lakehouse.clients.files import Files, replace
from lakehouse.clients.raw_files import commit, folder_of, pack
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import EdgeLedger, RawEncoding, RawGaps, RawManifest
from lakehouse.errors import LakehouseError, NotFoundError, NotReadyError, RefusedError
from lakehouse.settings import EdgeSettings
from lakehouse.turns import Turns

TICK_SECONDS = 1.0
SILENCE_SECONDS = 30.0
"""HDFS that has not answered for so long is taken to be away, though its client still waits."""
_log = logging.getLogger(__name__)


class Shipper:
    """The thread that looks after the logs' far end."""

    def __init__(
        self,
        settings: EdgeSettings,
        files: Files,
        layout: Layout,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._files = files
        self._layout = layout
        self._clock = clock
        self._incarnations: list[Incarnation] = []
        self._published_at = 0.0
        self._published_gaps: dict[str, RawGaps] = {}
        self._is_refused = False
        self._answered_at = time.monotonic()
        self._turns = Turns("shipper", self._turn, "shipping failed, and is tried again", once_more=True)
        self.failure: str | None = None
        """Why HDFS does not take anything at the moment."""
        self.clock_skew: float | None = None
        """Seconds by which our clock is ahead of the NameNode's, as of the last ledger; None before the first."""

    def start(self, incarnations: list[Incarnation]) -> None:
        self._incarnations = incarnations
        self._turns.start()

    def stop(self, timeout: float) -> None:
        self._turns.stop(timeout)

    def run_now(self) -> None:
        """The edge ends: a round now, ledgers included."""
        self._published_at = 0.0
        self._turns.wake()

    @property
    def is_hdfs_away(self) -> bool:
        """Whether HDFS takes nothing: it says so, or is silent. A raw file that contradicts us is another matter."""
        return self._is_refused or time.monotonic() - self._answered_at > SILENCE_SECONDS

    def _answered(self) -> None:
        self._is_refused, self._answered_at = False, time.monotonic()

    def _turn(self) -> float:
        try:
            self.round()
            self.failure = None
        except LakehouseError as error:
            self._is_refused |= isinstance(error, NotReadyError)
            if self.failure is None:
                _log.warning("HDFS does not take segments, they stay on this disk: %s", error)
            self.failure = str(error)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            raise
        return TICK_SECONDS

    def round(self) -> None:
        """Everything that is due now."""
        for incarnation in list(self._incarnations):
            if not incarnation.ended:
                incarnation.log.seal(self._settings.segment_max_age.total_seconds())
                if incarnation.rejected.end.offset and incarnation.rejected_outbox.done:
                    incarnation.rejected.roll()
            incarnation.delete_delivered()
        refusals = [self._ship_sealed(incarnation) for incarnation in list(self._incarnations)]
        self._publish_ledgers()
        for incarnation in list(self._incarnations):
            incarnation.delete_delivered()
            if incarnation.finish():
                self._incarnations.remove(incarnation)
        self._answered()
        for refusal in filter(None, refusals):
            raise refusal

    def _ship_sealed(self, incarnation: Incarnation) -> RefusedError | None:
        """In order. One that is refused holds back those behind it, of its own run alone."""
        for segment in incarnation.log.sealed():
            if segment.number not in incarnation.shipped:
                try:
                    self._ship(incarnation, segment)
                    self._answered()
                except RefusedError as refusal:
                    return refusal
                except FileNotFoundError:
                    continue  # it has been left to Kafka meanwhile, and is a raw gap
        return None

    def _ship(self, incarnation: Incarnation, segment: Segment) -> None:
        """The file, then its manifest: the manifest is the commit."""
        data = pack(incarnation.log.lines.path(segment.number).read_bytes())
        manifest = self._manifest(segment, data)
        committed = self._committed(self._layout.raw_manifest(folder_of(manifest), segment.id))
        if committed is None:
            commit(self._files, self._layout, manifest, data)
        elif not _holds(committed, manifest):
            raise RefusedError(
                f"the raw file of {segment.id} on HDFS is another than the segment in {incarnation.folder}, and lacks "
                "events of it. Both are kept; compare them, and move the one away that is wrong."
            )
        incarnation.shipped.add(segment.number)
        self._published_at = 0.0

    def _manifest(self, segment: Segment, data: bytes) -> RawManifest:
        return RawManifest(
            edge=self._settings.name,
            segment=segment.id,
            first=segment.first,
            last=segment.next - 1,
            count=segment.count,
            bytes=len(data),
            checksum=hashlib.sha256(data).hexdigest(),
            hours=dict(segment.hours),
            first_accepted_at=segment.first_accepted_at,
            last_accepted_at=segment.last_accepted_at,
            encoding=RawEncoding.ZSTD,
            ranges=segment.ranges,
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
        if incarnation.ended:
            ledger = _not_less(ledger, self._said_before(ledger))
        # Read after the ledger was made, so that all is named that it passes over.
        self._publish_gaps(incarnation.raw_gaps)
        if ledger.owes_nothing:
            path = self._layout.closed_ledger(ledger.edge, ledger.incarnation)
        before = instants.now_micros()
        replace(self._files, self._layout.staging, path, msgspec.json.encode(ledger))
        self._compare_clocks(before, self._files.stat(path).modified_at * 1000, instants.now_micros())
        if ledger.owes_nothing:
            # A crash before this leaves both; readers take the one that is closed, and the next start deletes again.
            self._files.delete(self._layout.edge_ledger(ledger.edge, ledger.incarnation))
            incarnation.record_closed_ledger()

    def _publish_gaps(self, named: RawGaps) -> None:
        if named.gaps and self._published_gaps.get(named.incarnation) != named:
            path = self._layout.raw_gaps(named.edge, named.incarnation)
            replace(self._files, self._layout.staging, path, msgspec.json.encode(named))
            self._published_gaps[named.incarnation] = named

    def _compare_clocks(self, before: int, stamp: int, after: int) -> None:
        """The NameNode stamped a file that we wrote between two looks at our own clock."""
        ahead = before - stamp if stamp < before else min(0, after - stamp)
        self.clock_skew = 0.0 if abs(ahead) < 1_000 else ahead / 1_000_000

    def _committed(self, path: str) -> RawManifest | None:
        found = self._read(path)
        return None if found is None else msgspec.json.decode(found, type=RawManifest)

    def _said_before(self, ledger: EdgeLedger) -> EdgeLedger | None:
        """The incarnation's ledger as it is on HDFS."""
        found = self._read(self._layout.edge_ledger(ledger.edge, ledger.incarnation))
        found = found or self._read(self._layout.closed_ledger(ledger.edge, ledger.incarnation))
        return None if found is None else msgspec.json.decode(found, type=EdgeLedger)

    def _read(self, path: str) -> bytes | None:
        try:
            return self._files.read(path)
        except NotFoundError:
            return None


def _holds(committed: RawManifest, manifest: RawManifest) -> bool:
    """Whether a raw file has all sequences of a segment. It may have more: the disk lost some after it was shipped."""
    return all(any(start <= first and last <= end for start, end in committed.held) for first, last in manifest.held)


def _not_less(ledger: EdgeLedger, before: EdgeLedger | None) -> EdgeLedger:
    """What was said to be accepted stays so, although the disk has lost its end and Kafka does not have it: nothing is
    left to send of that, and ``reconcile`` names it as missing."""
    if before is None or before.next <= ledger.next:
        return ledger
    lost = before.next - ledger.next
    delivered = ledger.delivered + lost if ledger.delivered == ledger.next else ledger.delivered
    shipped = ledger.shipped + lost if ledger.shipped == ledger.next else ledger.shipped
    return msgspec.structs.replace(ledger, next=before.next, hours=before.hours, delivered=delivered, shipped=shipped)
