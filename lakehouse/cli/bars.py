"""Progress bars on stderr, for people who wait at a terminal.

In: counts, or the progress of a rebuild. Out: a bar; where stderr is no terminal, plain lines.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

from lakehouse.cli.output import progress
from lakehouse.transform.backfill import progress as rebuilds
from lakehouse.transform.backfill.progress import Phase, Watch, duration

Say = Callable[[str], None]

_TICK = 1.0
_LINE_EVERY = 5.0
"""Seconds between two lines where there is no bar."""
_TITLES = {
    Phase.RAW: "raw files to bronze",
    Phase.COPY: "copying",
    Phase.SLICES: "building",
    Phase.CATCH_UP: "catching up",
    Phase.DONE: "built",
    Phase.FAILED: "failed",
}


class Counting:
    """Counts up to ``total``, which is None where nobody knows it."""

    def __init__(self, total: float | None, unit: str, title: str = "") -> None:
        self._bar = _Bar(unit)
        self._task = self._bar.add_task(title and f"{title}:", total=total)
        self._lined_at = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, steps: float) -> None:
        self._bar.advance(self._task, steps)
        if self._bar.disable and time.monotonic() - self._lined_at >= _LINE_EVERY:
            self._lined_at = time.monotonic()
            progress(" ".join(str(column.render(self._bar.tasks[0])) for column in (_Head(), _Tail(self._bar.unit))))

    def refresh(self) -> None:
        self._bar.refresh()

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._bar.say(line)


@contextmanager
def rebuild() -> Iterator[tuple[Say, Watch]]:
    """Where a rebuild tells what happens, and how far it is."""
    if not _is_terminal():
        yield progress, lambda at: progress(at.words)
        return
    with _Bar("rows") as bar:
        task = bar.add_task("planned", total=None)

        def watch(at: rebuilds.Progress) -> None:
            bar.update(task, description=_TITLES[at.phase], total=at.rows_total, completed=at.rows, at=at)
            bar.refresh()

        yield bar.say, watch


class _Bar(Progress):
    """Goes on counting time by itself, while a slice is built, which may take minutes."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
        columns = (_Head(), _Middle(bar_width=None), _Tail(unit))
        is_off = not _is_terminal()
        super().__init__(*columns, console=console, refresh_per_second=1 / _TICK, disable=is_off, expand=True)

    def say(self, line: str) -> None:
        if self.disable:
            progress(line)
        else:
            self.console.print(line, soft_wrap=True)


class _Head(ProgressColumn):
    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))

    def render(self, task: Task) -> Text:
        return Text(task.description if task.total is None else f"{task.description} {task.percentage:3.0f}%|".lstrip())


class _Middle(BarColumn):
    """Only where there is a total."""

    def render(self, task: Task) -> RenderableType:  # type: ignore[override]
        return Text() if task.total is None else super().render(task)


class _Tail(ProgressColumn):
    """How much is done, for how long, and how long it will take."""

    def __init__(self, unit: str) -> None:
        super().__init__(Column(no_wrap=True))
        self._unit = unit

    def render(self, task: Task) -> Text:
        at: rebuilds.Progress | None = task.fields.get("at")
        left = _left(at, time.time()) if at else None
        took = f"[{duration(task.elapsed or 0)}{f', about {duration(left)} left' if left else ''}]"
        if task.total is not None:
            return Text(f"| {_scaled(task.completed)}/{_scaled(task.total)} {self._unit} {took}")
        return Text(took if self._unit == "rows" else f"{_scaled(task.completed)} {self._unit} {took}")


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _left(at: rebuilds.Progress, now: float) -> float | None:
    """Seconds; None where nobody can say, or the estimate has run out."""
    if at.seconds_left is None:
        return None
    left = at.seconds_left - (now - at.updated_at / 1_000_000)
    return left if left > 0 else None


def _scaled(count: float) -> str:
    """Three digits: ``7.00``, ``500k``, ``2.00M``."""
    for prefix in ("", "k", "M", "G", "T"):
        if count < 999.5:
            return f"{count:.{2 if count < 9.995 else 1 if count < 99.95 else 0}f}{prefix}"
        count /= 1000
    return f"{count:.0f}P"
