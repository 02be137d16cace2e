"""The last lines of a log in memory, so that a reader that keeps up never touches the disk.

In: lines as they are appended. Out: those after a :class:`Cursor`, if none is missing in between; else the reader
opens the file. Promise: the memory is bounded.
"""

from collections import deque
from typing import NamedTuple

CACHE_BYTES = 32 << 20


class Cursor(NamedTuple):
    """A place between two lines: file number and offset."""

    number: int
    offset: int


class Line(NamedTuple):
    """A line without its newline, and the place after it."""

    text: bytes
    end: Cursor


class TailCache:
    """The newest lines of a log, of bounded size. The log's lock guards it."""

    def __init__(self) -> None:
        self._lines: deque[tuple[Cursor, Line]] = deque()
        self._bytes = 0

    def add(self, start: Cursor, line: Line) -> None:
        self._lines.append((start, line))
        self._bytes += len(line.text)
        while self._bytes > CACHE_BYTES:
            self._drop()

    def clear(self) -> None:
        self._lines.clear()
        self._bytes = 0

    def next_start(self, after: Cursor) -> Cursor | None:
        """Where the first line at or behind a place begins; lines before it are let go."""
        while self._lines and self._lines[0][0] < after:
            self._drop()
        return self._lines[0][0] if self._lines else None

    def take(self, limit: int) -> list[Line]:
        """The first lines, at least one, else of at most ``limit`` bytes together. They stay here."""
        taken: list[Line] = []
        total = 0
        for _, line in self._lines:
            total += len(line.text)
            if taken and total > limit:
                break
            taken.append(line)
        return taken

    def _drop(self) -> None:
        self._bytes -= len(self._lines.popleft()[1].text)
