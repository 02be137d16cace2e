"""The edge's timestamps: microseconds since 1970 that never go back, not even over a restart with a clock set back.

In: the wall clock, and a small file with the highest timestamp promised to anybody. Out: ``accepted_at`` and
watermarks. The file is written before a promise is made that no line of a segment log records (the watermark of an
idle edge), and before a segment is deleted.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from ingestion.atomic_file import read_json, write_json
from lakehouse import instants


class Clock:
    """One per edge folder. Thread-safe."""

    def __init__(self, path: Path, wall_clock: Callable[[], int] = instants.now_micros) -> None:
        self._path = path
        self._wall = wall_clock
        self._lock = threading.Lock()
        self._last = self._kept = read_json(path, int) or 0
        write_json(path, self._kept)  # so that it has room on a full disk from now on

    def now(self) -> int:
        """At least the wall clock, and never less than any stamp before."""
        with self._lock:
            self._last = max(self._last, self._wall())
            return self._last

    @property
    def lead(self) -> float:
        """Seconds by which the stamps run ahead of the wall clock, after it has been set back."""
        return max(0, self._last - self._wall()) / 1_000_000

    def raise_to(self, stamp: int) -> None:
        """What was found in a log of an earlier run."""
        with self._lock:
            self._last = max(self._last, stamp)

    def keep(self, stamp: int) -> None:
        """Makes sure that no later run stamps less than ``stamp``."""
        with self._lock:
            if stamp <= self._kept:
                return
            write_json(self._path, stamp)
            self._kept = stamp
            self._last = max(self._last, stamp)
