"""One incarnation of an edge, and what is left of it on disk until all that it accepted is on Kafka and on HDFS.

In: a folder, new or left by an incarnation that has ended. Out: its logs, how far each has been delivered, and its
ledger. Promise: the folder exists from before the first event until all is on Kafka, all is in raw files, the closing
watermarks are acknowledged and the ledger is published as closed.
"""

import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ingestion import machine
from ingestion.append_log import AppendLog
from ingestion.atomic_file import read_json, sync_folder, write_json
from ingestion.clock import Clock
from ingestion.recovery import put_back
from ingestion.segment import Segment, joined
from ingestion.segment_log import SegmentLog
from ingestion.tail_cache import Cursor
from lakehouse.contracts import topics
from lakehouse.contracts.records import CLOSED_MARK, Booked, EdgeLedger, RawGaps
from lakehouse.settings import EdgeSettings

DONE = ".done"
"""Renamed to this before it is deleted: after a crash in the middle of the deletion, half a folder
would look like an incarnation that accepted less."""
DAMAGED = "damaged"
"""Beside the incarnations: files as they were found, where a disk has lost data."""
_PROGRESS = "progress.json"


class Progress(msgspec.Struct, frozen=True):
    """What must survive of an incarnation besides its lines.

    ``next`` and ``hours`` count what was in segments that are deleted, the last of it accepted at ``through``; the
    cursors say what Kafka has acknowledged, and may lag: what comes after them is sent again. ``boot`` is the machine's
    when the run began, at ``begun`` (microseconds). ``whole`` says that the log holds all that can be had: the run
    ended it, or Kafka has been asked. ``raw_gaps`` are of segments that were deleted without a raw file.
    """

    next: int = 0
    through: int = 0
    hours: dict[str, int] = {}
    accepted: tuple[int, int] = (0, 0)
    rejected: tuple[int, int] = (0, 0)
    marks_closed: bool = False  # on disk under this name: the watermarks
    ledger_closed: bool = False
    boot: str | None = None
    begun: int = 0
    whole: bool = False
    raw_gaps: list[Booked] = []


class Outbox:
    """A log on its way to a topic. ``delivered`` is what all replicas have acknowledged."""

    def __init__(self, log: AppendLog, topic: str, delivered: Cursor) -> None:
        self.log = log
        self.topic = topic
        self.delivered = max(delivered, log.first())

    @property
    def done(self) -> bool:
        return not self.log.read(self.delivered, 1)

    @property
    def unsent(self) -> int:
        """Bytes."""
        return self.log.bytes_after(self.delivered)


class Incarnation:
    """A run, this one or (``ended``) an earlier one."""

    def __init__(self, folder: Path, clock: Clock, settings: EdgeSettings, ended: bool) -> None:
        self.id = folder.name
        self.folder = folder
        self.ended = ended
        self._edge = settings.name
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._progress = read_json(folder / _PROGRESS, Progress) or Progress()
        self.log = SegmentLog(
            folder / "accepted",
            settings.name,
            self.id,
            clock,
            settings.segment_max_bytes,
            folder.with_name(DAMAGED),
            self._progress.next,
        )
        self.rejected = AppendLog(folder / "rejected", "rejected")
        if ended:
            self.rejected.drop_torn_tail()
        self.accepted_outbox = Outbox(self.log.lines, topics.EVENTS.name, self._before(self.log.mended))
        self.rejected_outbox = Outbox(self.rejected, topics.REJECTED.name, Cursor(*self._progress.rejected))
        self.shipped: set[int] = set()
        """Numbers of the segments that have a committed raw file."""
        self.watermark = 0
        """The newest that Kafka has acknowledged from this process."""

    @property
    def outboxes(self) -> tuple[Outbox, Outbox]:
        return self.accepted_outbox, self.rejected_outbox

    @property
    def owes_watermarks(self) -> bool:
        """True if the closing watermarks may be sent and have not been."""
        return self.ended and not self._progress.marks_closed and self.accepted_outbox.done

    def record_closed_watermarks(self) -> None:
        self._save(marks_closed=True)

    def record_closed_ledger(self) -> None:
        self._save(ledger_closed=True)

    @property
    def owes_ledger(self) -> bool:
        return not self._progress.ledger_closed

    @property
    def torn(self) -> bool:
        """Whether Kafka may have lines that this log lacks: the machine went down under it, or its disk lost data."""
        cut_off = self._progress.boot is not None and self._progress.boot != machine.boot_id()
        return self.ended and not self._progress.whole and (cut_off or bool(self.log.holes()))

    @property
    def torn_since(self) -> int:
        """All that the log may lack was accepted at this instant (microseconds) or later."""
        return max(self._progress.begun, self._progress.through, self.log.known_through())

    def restore(self, lines: Iterable[bytes]) -> "Incarnation":
        """The same with these lines, which Kafka had and it lacked. It is whole then: nobody else has more."""
        changed = put_back(self.log.lines, self.id, lines)
        accepted = self._before([*self.log.mended, *changed])
        self._write(msgspec.structs.replace(self._progress, accepted=tuple(accepted), whole=True))
        return Incarnation(self.folder, self._clock, self._settings, ended=True)

    def save(self) -> None:
        """Notes how far Kafka has acknowledged."""
        self._save()

    def delete_delivered(self) -> None:
        """Deletes the segments that Kafka has and that have their raw file, and rejected lines that Kafka has."""
        for segment in self.log.sealed():
            if segment.number in self.shipped and self._is_delivered(segment.number, self.accepted_outbox):
                self._delete(segment)
        for number in self.rejected.ended():
            if self._is_delivered(number, self.rejected_outbox):
                self.rejected.delete(number)

    def oldest_on_kafka(self) -> Segment | None:
        """The oldest segment, if it is sealed and Kafka has acknowledged all of it."""
        oldest = next(iter(self.log.sealed()), None)
        return oldest if oldest is not None and self._is_delivered(oldest.number, self.accepted_outbox) else None

    def leave_to_kafka(self, segment: Segment) -> None:
        """Deletes the oldest segment, which Kafka has, although HDFS may not: it is a raw gap from now on."""
        self._delete(segment, [] if segment.number in self.shipped else segment.positions)

    @property
    def raw_gaps(self) -> RawGaps:
        return RawGaps(self._edge, self.id, self._progress.raw_gaps)

    def ledger(self, at: int) -> EdgeLedger:
        """What this incarnation has accepted; raw files or gaps are complete up to the oldest segment that is here."""
        ended, delivered = self.ended, self.log.sequence_at(self.accepted_outbox.delivered)
        with self._lock:
            next_sequence, hours = self.log.counts()
            hours.update(self._progress.hours)
        closed = ended and all(segment.number in self.shipped for segment in self.log.sealed())
        return EdgeLedger(
            edge=self._edge,
            incarnation=self.id,
            next=next_sequence,
            hours=dict(sorted(hours.items())),
            raw_mark=CLOSED_MARK if closed else self.log.raw_mark(self.shipped),
            at=at,
            closed=closed,
            delivered=delivered,
            shipped=next_sequence if closed else self.log.shipped_before(self.shipped),
            watermark=self.watermark,
            ended=ended,
        )

    def finish(self) -> bool:
        """Removes the folder if nothing is owed any more; True if so."""
        progress = self._progress
        logs_done = not self.log.segments and self.rejected_outbox.done
        if not (self.ended and progress.marks_closed and progress.ledger_closed and logs_done):
            return False
        done = self.folder.with_name(self.id + DONE)
        self.folder.rename(done)
        sync_folder(done.parent)
        shutil.rmtree(done)
        return True

    def end(self) -> None:
        """Nothing will be appended any more."""
        self.log.seal()
        self.rejected.roll()
        self.ended = True
        self._save(whole=True)

    def _is_delivered(self, number: int, outbox: Outbox) -> bool:
        return outbox.delivered >= Cursor(number, outbox.log.sizes.get(number, 0))

    def _before(self, changed: Iterable[int]) -> Cursor:
        """How far Kafka has acknowledged, but nothing of files that have changed since."""
        return min([Cursor(*self._progress.accepted), *(Cursor(number, 0) for number in changed)])

    def _delete(self, segment: Segment, gaps: Iterable[Booked] = ()) -> None:
        """The counts by hour and the gaps are saved first, in one step with ``next``; the next start drops a segment
        that is below it. Nothing to do if another thread was faster."""
        self._clock.keep(segment.last_accepted_at)
        with self._lock:
            if segment.number not in self.log.segments:
                return
            changed = msgspec.structs.replace(
                self._progress,
                next=segment.next,
                through=segment.last_accepted_at,
                hours=dict(segment.hours + segment.lost + Counter(self._progress.hours)),
                raw_gaps=joined([*self._progress.raw_gaps, *gaps]),
            )
            self._write(changed)
            self.log.delete(segment)

    def _save(self, **changes: bool) -> None:
        with self._lock:
            accepted, rejected = tuple(self.accepted_outbox.delivered), tuple(self.rejected_outbox.delivered)
            changed = msgspec.structs.replace(self._progress, accepted=accepted, rejected=rejected, **changes)
            if changed != self._progress:
                self._write(changed)

    def _write(self, progress: Progress) -> None:
        write_json(self.folder / _PROGRESS, progress)
        self._progress = progress


def begin(folder: Path, clock: Clock, settings: EdgeSettings) -> Incarnation:
    """A new run. Its folder is durable before its first event."""
    path = folder / secrets.token_hex(8)
    path.mkdir()
    sync_folder(folder)
    write_json(path / _PROGRESS, Progress(boot=machine.boot_id(), begun=clock.now()))
    return Incarnation(path, clock, settings, ended=False)
