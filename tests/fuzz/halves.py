"""The smallest part of many things that still fails, so that a failure names its cause.

In: the things, and a function that says why a part of them fails (None if it does not). Out: a part of them from which
nothing can be left out, or the best that was found in time, and what is said of it.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
Fails = Callable[[list[T]], str | None]


def smallest(things: Sequence[T], fails: Fails[T], seconds: float) -> tuple[list[T], str | None]:
    """By halves, and then by ever smaller parts that are left out."""
    deadline, kept = time.monotonic() + seconds, list(things)
    words, size = fails(kept), len(kept) // 2
    while words is not None and size and time.monotonic() < deadline:
        less = _less(kept, size, fails, deadline)
        if less is None:
            size //= 2
        else:
            kept, words = less
            size = min(size, len(kept) // 2)
    return kept, words


def _less(things: list[T], size: int, fails: Fails[T], deadline: float) -> tuple[list[T], str] | None:
    """The first part of that size that fails alone, or without which the others do."""
    for start in range(0, len(things), size):
        part, rest = things[start : start + size], things[:start] + things[start + size :]
        for tried in (part, rest) if size < len(rest) else (part,):
            if time.monotonic() > deadline:
                return None
            if (words := fails(tried)) is not None:
                return tried, words
    return None
