"""How many events a merchant may send per second: a bucket of tokens for each, refilled by the clock.

In: a merchant and a number of events. Out: nothing, or the seconds to wait. A request is let in while the bucket is
not empty and may draw it below zero, so that a large batch passes and is paid for afterwards.
"""

import math
import time
from collections.abc import Callable

_MAX_BUCKETS = 100_000


class Quota:
    """Buckets of one process. A rate of 0 means no limit."""

    def __init__(self, events_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = events_per_second
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def seconds_to_wait(self, merchant_id: str) -> int:
        """0 if the merchant may send now; else whole seconds, at least 1."""
        if not self._rate:
            return 0
        level = self._level(merchant_id, self._clock())
        return 0 if level > 0 else max(1, math.ceil(-level / self._rate))

    def take(self, merchant_id: str, events: int) -> None:
        if self._rate:
            now = self._clock()
            self._buckets[merchant_id] = (self._level(merchant_id, now) - events, now)
            if len(self._buckets) > _MAX_BUCKETS:
                self._forget_the_full(now)

    def _level(self, merchant_id: str, now: float) -> float:
        bucket = self._buckets.get(merchant_id)
        if bucket is None:
            return float(self._rate)
        level, at = bucket
        return min(self._rate, level + (now - at) * self._rate)

    def _forget_the_full(self, now: float) -> None:
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if self._level(name, now) < self._rate}
