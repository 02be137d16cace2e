"""How long a rebuild tries again, by how its attempts end.

In: each attempt's error, and the newest snapshot. Out: whether it was the last one. An attempt may take an hour, or end
at once because no server answers: only the second kind is a matter of time.
"""

import time

from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.transform.building.build import BuildFailedError

ATTEMPTS = 4
"""So often is a step tried that fails although the servers answer."""
SERVER_TIMEOUT = 900.0
"""Seconds for which a server may be away: every attempt ends soon, and without a new snapshot."""
AT_WORK = 180.0
"""Who waits for a server that says nothing gives up within so many seconds; an attempt that takes longer has worked."""


class Retry:
    """That of one rebuild."""

    def __init__(self) -> None:
        self._failures = 0
        self._reached = 0
        self._began = self._well_at = time.monotonic()

    def begin(self) -> None:
        """An attempt begins."""
        self._began = time.monotonic()

    def ends_with(self, error: LakehouseError, reached: int | None, *, can_shrink: bool) -> bool:
        """Whether that attempt was the last. ``reached`` is the newest snapshot's number, None if nobody can say;
        ``can_shrink``: what is too large is tried with fewer rows."""
        now = time.monotonic()
        is_nearer = reached is not None and reached > self._reached
        if reached is not None and is_nearer:
            self._failures, self._reached = 0, reached
        if is_nearer or now - self._began > AT_WORK:
            self._well_at = now
        if isinstance(error, NotReadyError):
            return now - self._well_at > SERVER_TIMEOUT
        if isinstance(error, BuildFailedError) and error.is_too_large and can_shrink:
            return False
        self._failures += 1
        return self._failures >= ATTEMPTS
