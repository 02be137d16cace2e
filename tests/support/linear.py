"""Proves that work grows as its input does: by the ratio of two sizes, never by an absolute time."""

import gc
import time
from collections.abc import Callable
from typing import Any

SIZES = 8
"""How much larger the large input is. Quadratic work takes 64 times as long."""
BOUND = 24
_FLOOR = 0.001
"""Below so many seconds the allocator and the clock say more than the work does."""


def assert_linear(work: Callable[[int], Any], size: int, tries: int = 6) -> None:
    """The least of several times each: the machine may be busy, the work may not grow."""
    small, large = float("inf"), float("inf")
    for _ in range(tries):
        small = min(small, _seconds(work, size // SIZES))
        large = min(large, _seconds(work, size))
        if large < BOUND * max(small, _FLOOR):
            return
    raise AssertionError(f"{SIZES} times the input takes {large / small:.0f} times as long")


def _seconds(work: Callable[[int], Any], size: int) -> float:
    """Without the collector: what it looks through are the objects of the other tests."""
    gc.disable()
    started = time.process_time()
    try:
        work(size)
        return time.process_time() - started
    finally:
        gc.enable()
