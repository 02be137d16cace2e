"""Gives every accepted event its position; nothing else does.

In: the events of one request. Out: an :class:`~lakehouse.contracts.records.AcceptedBatch`, written as one line of a
segment, and its :class:`Position`. Promise: sequences are given without a gap, whatever fails, because a position is
given with the line's write; what a disk loses of them later is a hole that is known.
"""

import time
from collections import Counter
from pathlib import Path

import msgspec

from ingestion.append_log import AppendLog
from ingestion.clock import Clock
from ingestion.recovery import recover
from ingestion.segment import Segment, first_of, header_of, stamp_of
from ingestion.tail_cache import Cursor
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, incarnation_of
from lakehouse.contracts.topics import EVENTS
from lakehouse.errors import RefusedError

MAX_LINE_BYTES = EVENTS.max_message_bytes - 4096
"""A line is one Kafka record: what no broker takes must not get into the log, where it would block all that follows."""

_encode = msgspec.json.Encoder().encode


class Position(msgspec.Struct, frozen=True):
    """Where a batch is: its segment, its sequences (both included), and the place after its line."""

    segment: str
    first: int
    last: int
    end: Cursor


class SegmentLog:
    """The segments of one incarnation: of this run, or of one that has ended (then nothing is appended)."""

    def __init__(
        self,
        folder: Path,
        edge: str,
        incarnation: str,
        clock: Clock,
        max_bytes: int,
        damaged: Path,
        first_sequence: int = 0,
    ) -> None:
        self.edge = edge
        self.incarnation = incarnation
        self.lines = AppendLog(folder, incarnation)
        self._clock = clock
        self._max_bytes = max_bytes
        self._lock = self.lines.lock
        self.next = self._kept_from = first_sequence
        self.segments: dict[int, Segment] = {}
        self.mended: list[int] = []
        """Numbers of the files whose lines are no longer where an earlier run wrote them."""
        self._recover(damaged)

    def append(self, merchant_id: str, events: list[AcceptedEvent]) -> Position:
        """Gives positions to the events of one request; raises NotReadyError if they cannot be written.

        Nothing here waits for the disk: a segment that is full is ended by :meth:`seal`.
        """
        with self._lock:
            number = self.lines.end.number
            segment = self.segments.get(number) or self._segment(number)
            accepted_at = self._clock.now()
            batch = AcceptedBatch(self.edge, segment.id, self.next, accepted_at, merchant_id, events)
            line = _encode(batch)
            if len(line) > MAX_LINE_BYTES:
                raise RefusedError(
                    f"the batch takes {len(line)} bytes in the log, more than {MAX_LINE_BYTES}; send less"
                )
            end = self.lines.append(line)
            self.segments[number] = segment
            segment.add(self.next, accepted_at, len(events))
            position = Position(segment.id, self.next, self.next + len(events) - 1, end)
            self.next += len(events)
            return position

    def seal(self, older_than: float = 0.0) -> None:
        """Ends the segment that is being written, if it has events and is that many seconds old, or full."""
        with self._lock:
            segment = self.segments.get(self.lines.end.number)
            full = self.lines.end.offset >= self._max_bytes
        if segment is not None and (full or time.monotonic() - segment.opened >= older_than):
            self.lines.roll()

    def sealed(self) -> list[Segment]:
        """The segments that will not change any more and are on disk, oldest first."""
        ended = self.lines.ended()
        with self._lock:
            return [self.segments[number] for number in ended if number in self.segments]

    def delete(self, segment: Segment) -> None:
        self.lines.delete(segment.number)
        with self._lock:
            self.segments.pop(segment.number, None)

    def watermark(self, delivered: Cursor) -> int:
        """Every batch accepted before this instant lies before ``delivered``."""
        with self._lock:  # what is stamped before this instant is in the log
            if not self.lines.bytes_after(delivered):
                return self._clock.now()
        return stamp_of(self.lines.read(delivered, 1)[0].text)

    def sequence_at(self, delivered: Cursor) -> int:
        """How many events of this incarnation lie before ``delivered``."""
        with self._lock:
            if not self.lines.bytes_after(delivered):
                return self.next
        return first_of(self.lines.read(delivered, 1)[0].text)

    def raw_mark(self, shipped: set[int]) -> int:
        """Every event accepted before this instant is in one of the ``shipped`` segments or in a deleted one."""
        with self._lock:
            waiting = [segment.first_accepted_at for number, segment in self.segments.items() if number not in shipped]
            return min(waiting, default=self._clock.now())

    def shipped_before(self, shipped: set[int]) -> int:
        """The first sequence that is in none of the ``shipped`` segments and in no deleted one."""
        with self._lock:
            waiting = [segment.first for number, segment in self.segments.items() if number not in shipped]
            return min(waiting, default=self.next)

    def counts(self) -> tuple[int, Counter[str]]:
        """The next sequence, and positions by hour in the segments that are here, what these have lost included."""
        with self._lock:
            hours: Counter[str] = Counter()
            for segment in self.segments.values():
                hours += segment.hours + segment.lost
            return self.next, hours

    def holes(self) -> list[tuple[int, int]]:
        """Sequences that lines before and behind prove, and no line has; both ends included."""
        with self._lock:
            held = [bounds for _, segment in sorted(self.segments.items()) for bounds in segment.ranges]
        begins = [self._kept_from, *(last + 1 for _, last in held)]
        return [(begin, first - 1) for begin, (first, _) in zip(begins, held, strict=False) if begin < first]

    def lacks(self, text: bytes) -> bool:
        """Whether this is a line (without newline) of this incarnation that the log has lost."""
        header = header_of(text + b"\n")
        if header is None or incarnation_of(header.segment) != self.incarnation or header.first < self._kept_from:
            return False
        ranges = [bounds for segment in self.segments.values() for bounds in segment.ranges]
        return not any(first <= header.first <= last for first, last in ranges)

    def known_through(self) -> int:
        """What the log may have lost was accepted at this instant or later."""
        stamp = 0
        for _, segment in sorted(self.segments.items()):
            if segment.lost:
                break
            stamp = segment.last_accepted_at
        return stamp

    def _segment(self, number: int) -> Segment:
        return Segment(number, f"{self.incarnation}-{number}", self.next)

    def _recover(self, damaged: Path) -> None:
        """Counts what an earlier run left, and mends it."""
        for number in list(self.lines.sizes):
            if self._is_counted(number):
                self.lines.delete(number)
        segments, self.mended = recover(self.lines, self.incarnation, self.next, damaged)
        for segment in segments:
            self.segments[segment.number] = segment
            self.next = segment.next
            self._clock.raise_to(segment.last_accepted_at)

    def _is_counted(self, number: int) -> bool:
        """True for a segment whose sum was saved and that was about to be deleted when the run ended."""
        with self.lines.path(number).open("rb") as file:
            header = header_of(file.readline())
        return header is not None and header.first < self._kept_from
