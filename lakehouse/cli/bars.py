"""Progress bars on stderr, for whoever waits at a terminal.

In: counts, or the progress of a rebuild. Out: a bar; where stderr is no terminal, a rebuild's progress is plain lines.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from lakehouse.cli.output import progress
from lakehouse.transform.backfill.progress import Phase, Progress, Watch, duration

Say = Callable[[str], None]

_TICK = 1.0
_COUNTED = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} rows [{elapsed}{postfix}]"
_UNCOUNTED = "{desc} [{elapsed}]"
_TITLES = {
    Phase.RAW: "raw files to bronze",
    Phase.COPY: "copying",
    Phase.SLICES: "building",
    Phase.CATCH_UP: "catching up",
    Phase.DONE: "built",
    Phase.FAILED: "failed",
}


def counting(total: int | None, unit: str, title: str | None = None) -> "tqdm[Any]":
    """A bar that is told each step. ``total`` is None where nobody knows."""
    interval = 0.1 if sys.stderr.isatty() else 5.0
    return tqdm(total=total, unit=unit, unit_scale=True, file=sys.stderr, mininterval=interval, desc=title)


@contextmanager
def rebuild() -> Iterator[tuple[Say, Watch]]:
    """Where a rebuild tells what happens, and how far it is."""
    if not sys.stderr.isatty():
        yield progress, lambda said: progress(said.words)
        return
    bar = RebuildBar()
    try:
        yield bar.say, bar.watch
    finally:
        bar.close()


class RebuildBar:
    """Goes on counting time while a slice is built, which may take minutes. Sentences are written above it."""

    def __init__(self) -> None:
        self._bar = tqdm(file=sys.stderr, desc="planned", unit_scale=True, bar_format=_UNCOUNTED, dynamic_ncols=True)
        self._said: Progress | None = None
        self._closed = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="bar", daemon=True)
        self._ticker.start()

    def say(self, line: str) -> None:
        self._bar.write(line, file=sys.stderr)

    def watch(self, said: Progress) -> None:
        self._said = said
        self._bar.total, self._bar.n = said.rows_total, said.rows
        self._bar.bar_format = _UNCOUNTED if said.rows_total is None else _COUNTED
        self._bar.set_description_str(_TITLES[said.phase], refresh=False)
        self.draw()

    def draw(self) -> None:
        """With the time that is left of the estimate."""
        left = _left(self._said, time.time()) if self._said else None
        self._bar.set_postfix_str(f"about {duration(left)} left" if left else "", refresh=True)

    def close(self) -> None:
        self._closed.set()
        self._ticker.join()
        self._bar.close()

    def _tick(self) -> None:
        while not self._closed.wait(_TICK):
            self.draw()


def _left(said: Progress, now: float) -> float | None:
    """Seconds; None where nobody can say, or the estimate has run out."""
    if said.seconds_left is None:
        return None
    left = said.seconds_left - (now - said.updated_at / 1_000_000)
    return left if left > 0 else None
