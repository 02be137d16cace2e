"""Rate limits of a merchant, in events and in bytes a second: a token bucket for each, refilled by the clock.

In: a merchant and an amount. Out: nothing, or the seconds to wait. A request is admitted while no bucket is empty, and
may draw one below zero, so that a large batch passes and is paid for afterwards.
"""

import math
import time
from collections.abc import Callable

_MAX_BUCKETS = 100_000


class Quota:
    """Buckets of one process. A rate of 0 means no limit."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._most = _MAX_BUCKETS

    def seconds_to_wait(self, merchant_id: str) -> int:
        """0 if the merchant may send now; else whole seconds, at least 1."""
        if not self._rate:
            return 0
        level = self._level(merchant_id, self._clock())
        return 0 if level > 0 else max(1, math.ceil(-level / self._rate))

    def take(self, merchant_id: str, amount: int) -> None:
        if self._rate and amount:
            now = self._clock()
            self._buckets[merchant_id] = (self._level(merchant_id, now) - amount, now)
            if len(self._buckets) > self._most:
                self._forget_the_full(now)

    def _level(self, merchant_id: str, now: float) -> float:
        bucket = self._buckets.get(merchant_id)
        if bucket is None:
            return float(self._rate)
        level, at = bucket
        return min(self._rate, level + (now - at) * self._rate)

    def _forget_the_full(self, now: float) -> None:
        """Where most are in use, the next look is far off: what a request costs does not grow with the merchants."""
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if self._level(name, now) < self._rate}
        self._most = max(_MAX_BUCKETS, 2 * len(self._buckets))


class Quotas:
    """The two quotas of contract 1."""

    def __init__(self, events_per_second: int, bytes_per_second: int) -> None:
        self.events = Quota(events_per_second)
        self.bytes = Quota(bytes_per_second)
        self._named = (
            (self.events, f"more than {events_per_second} events a second"),
            (self.bytes, f"more than {bytes_per_second} bytes a second"),
        )

    def exhausted(self, merchant_id: str) -> tuple[int, str] | None:
        """Whole seconds to wait, and for which quota; None if the merchant may send now."""
        waits = [(seconds, name) for quota, name in self._named if (seconds := quota.seconds_to_wait(merchant_id))]
        return max(waits) if waits else None
