"""Reads the segment files that an earlier run left, and mends them: what is no line of its segment costs only itself.

In: files, and the sequence that is expected first. Out: the sums of their good lines; the files without what is bad,
and copies of them as they were found, for an operator. What was torn off at the end was never acknowledged, or is on
Kafka; no copy of it is kept.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ingestion.append_log import AppendLog
from ingestion.atomic_file import write_file
from ingestion.segment import BatchHeader, Segment, header_of

_log = logging.getLogger(__name__)


class FoundLine(NamedTuple):
    """A line that can be read, and where it lies: the number of its file, and from which byte to which."""

    number: int
    start: int
    end: int
    header: BatchHeader

    @property
    def next(self) -> int:
        """The sequence after its last event."""
        return self.header.first + len(self.header.events)


def recover(log: AppendLog, incarnation: str, expected: int, damaged: Path) -> tuple[list[Segment], list[int]]:
    """The segments that have good lines, and the numbers of those files whose lines are at other places now. A file
    without a good line is deleted. ``damaged`` is the folder for copies."""
    segments: dict[int, Segment] = {}
    kept: dict[int, list[tuple[int, int]]] = {number: [] for number in sorted(log.sizes)}
    found = (line for number in kept for line in _lines(log.path(number), number, f"{incarnation}-{number}"))
    for line in sound(found, expected):
        segment = segments.get(line.number) or Segment(line.number, f"{incarnation}-{line.number}", expected)
        segment.add(line.header.first, line.header.accepted_at, len(line.header.events))
        segments[line.number], expected = segment, line.next
        _extend(kept[line.number], line.start, line.end)
    mended = [number for number, parts in kept.items() if _mend(log, number, parts, damaged)]
    for number in kept.keys() - segments.keys():
        log.delete(number)
    return list(segments.values()), mended


def sound(lines: Iterable[FoundLine], expected: int) -> Iterator[FoundLine]:
    """Those whose sequences follow each other. One that leaves a gap counts where bytes are lost before it, and the
    next line confirms it: a digit that the disk has changed must not cost what comes behind it."""
    doubted: FoundLine | None = None
    reached = (-1, 0)
    for line in lines:
        if doubted is not None and line.header.first >= doubted.next:
            yield doubted
            expected, reached = doubted.next, (doubted.number, doubted.end)
        doubted = None
        if line.header.first == expected:
            yield line
            expected, reached = line.next, (line.number, line.end)
        elif line.header.first > expected and (line.number, line.start) != reached:
            doubted = line
    if doubted is not None:
        yield doubted


def _lines(path: Path, number: int, segment: str) -> Iterator[FoundLine]:
    start = 0
    with path.open("rb") as file:
        for text in file:
            header = header_of(text)
            if header is not None and header.segment == segment:
                yield FoundLine(number, start, start + len(text), header)
            start += len(text)


def _extend(parts: list[tuple[int, int]], start: int, end: int) -> None:
    begin = parts.pop()[0] if parts and parts[-1][1] == start else start
    parts.append((begin, end))


def _mend(log: AppendLog, number: int, kept: list[tuple[int, int]], damaged: Path) -> bool:
    """Leaves only these parts of a file; True if lines of it have another place then."""
    path = log.path(number)
    if kept == [(0, log.sizes[number])]:
        return False
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if kept == [(0, whole)] or not whole:
        log.cut(number, whole)
        return False
    copy = damaged / path.name
    damaged.mkdir(exist_ok=True)
    write_file(copy, data)
    _log.error(
        "%s is damaged: its disk has lost data. It goes on without what is bad, and %s is the file as it was found. "
        "What Kafka has of it is read back; `lakehouse reconcile` names what is still missing then.",
        path,
        copy,
    )
    log.replace(number, b"".join(data[start:end] for start, end in kept))
    return True


def put_back(log: AppendLog, incarnation: str, lines: Iterable[bytes]) -> list[int]:
    """Adds lines (without newline) that were lost to the files of their segments. Returns the numbers of these."""
    by_number: dict[int, dict[int, bytes]] = {}
    for text in lines:
        header = header_of(text + b"\n")
        if header is not None:
            number = int(header.segment.removeprefix(f"{incarnation}-"))
            by_number.setdefault(number, {})[header.first] = text + b"\n"
    for number, lost in by_number.items():
        path = log.path(number)
        there = _lines(path, number, f"{incarnation}-{number}") if path.exists() else ()
        data = path.read_bytes() if path.exists() else b""
        found = lost | {line.header.first: data[line.start : line.end] for line in there}
        log.replace(number, b"".join(found[first] for first in sorted(found)))
    return sorted(by_number)
