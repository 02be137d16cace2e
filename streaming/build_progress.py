"""The progress of a build, as text: how much is done, at which rate, and how long the rest will take.

In: totals, and steps as they are done. Out: a line for each. Pure, but for its clock.
"""

import time
from collections.abc import Callable


class BuildProgress:
    """Counts from the moment it is made."""

    def __init__(self, files: int, events: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.files = files
        self.events = events
        self._clock = clock
        self._began = clock()
        self._files_done = self._events_done = 0

    def line(self, files: int, events: int) -> str:
        """After a step that did so many more."""
        self._files_done += files
        self._events_done += events
        rate = self._events_done / max(self._clock() - self._began, 1e-9)
        left = (self.events - self._events_done) / rate if rate else 0.0
        return (
            f"{self._files_done:,} of {self.files:,} raw files, {self._events_done:,} of {self.events:,} events, "
            f"{rate:,.0f} events/s, {_duration(left)} left"
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
