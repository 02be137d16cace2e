"""Keeps the edge accepting on a full disk while HDFS is away: what Kafka has goes, the oldest first, as a raw gap.

In: the runs of an edge, what is free on its disk, and whether it may. Out: fewer segments. Promise: nothing goes that
Kafka has not acknowledged, and what goes is named before, on this disk and then on HDFS: each accepted position is in a
raw file, in a segment here, or in a named gap, which ``lakehouse bronze-to-raw`` fills.
"""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from ingestion.incarnation import Incarnation
from ingestion.segment import Segment
from ingestion.tail_cache import Cursor
from lakehouse.settings import EdgeSettings
from lakehouse.turns import Turns

LOOK_SECONDS = 0.2
SOON_SECONDS = 0.05
"""Until the next look where room is needed, and Kafka is about to have what could go."""
_FREE_SECONDS = 0.01
"""So long what is free is remembered: asking the kernel for each request would be a twentieth of its cost."""
_SHARE = 8
"""A small disk is low with an eighth of it left above the reserve, a large one with a segment."""
_log = logging.getLogger(__name__)


class DiskSpace:
    """``may_leave`` says whether segments that Kafka has may go."""

    def __init__(self, settings: EdgeSettings, folder: Path, may_leave: Callable[[], bool]) -> None:
        self._settings = settings
        self._folder = folder
        self._may_leave = may_leave
        self._incarnations: list[Incarnation] = []
        self._turns = Turns("disk space", self._turn, "no room can be made on the edge's disk; it is tried again")
        self._is_leaving = False
        self._free = 0
        self._looked_at = 0.0

    @property
    def free(self) -> int:
        """Bytes on the disk, as of some milliseconds ago. For the event loop."""
        now = time.monotonic()
        if now - self._looked_at > _FREE_SECONDS:
            self._free, self._looked_at = shutil.disk_usage(self._folder).free, now
        return self._free

    def start(self, incarnations: list[Incarnation]) -> None:
        """``incarnations`` is shared: what is finished disappears from it."""
        self._incarnations = incarnations
        self._turns.start()

    def stop(self, timeout: float) -> None:
        self._turns.stop(timeout)

    def _turn(self) -> float:
        return SOON_SECONDS if self.make_room() else LOOK_SECONDS

    def make_room(self) -> bool:
        """What is due now; True if that is not enough."""
        while self._is_low() and self._may_leave():
            found = self._oldest()
            if found is None:
                self._seal()
                return True
            self._leave(*found)
        self._is_leaving = False
        return False

    def _is_low(self) -> bool:
        """Before events are refused, and early enough for what comes in until the next look."""
        disk = shutil.disk_usage(self._folder)
        margin = min(self._settings.segment_max_bytes, disk.total // _SHARE)
        return disk.free < self._settings.disk_reserve_bytes + margin

    def _oldest(self) -> tuple[Incarnation, Segment] | None:
        """Of all runs; within one they go in order."""
        found = [(run, segment) for run in list(self._incarnations) if (segment := run.oldest_on_kafka()) is not None]
        return min(found, key=lambda one: one[1].first_accepted_at, default=None)

    def _seal(self) -> None:
        """Nothing that is sealed can go: perhaps what is being written can, at the next look, once Kafka has begun to
        take it. While Kafka is behind, small segments would help nobody."""
        for run in list(self._incarnations):
            if not run.ended and run.accepted_outbox.delivered > Cursor(run.log.lines.end.number, 0):
                run.log.seal()

    def _leave(self, run: Incarnation, segment: Segment) -> None:
        if not self._is_leaving:
            _log.warning(
                "%s is nearly full and HDFS is away: what Kafka has goes from here without a raw file. Once HDFS is "
                "back and bronze has it, `lakehouse bronze-to-raw` writes that",
                self._folder,
            )
        self._is_leaving = True
        run.leave_to_kafka(segment)
