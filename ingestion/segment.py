"""The sums of a segment file, and the header of one of its lines without reading its events.

In: lines as ``segment_log`` writes them. Out: a :class:`Segment` for the ledger and the raw manifest;
``accepted_at``, first sequence and header of a line.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from lakehouse import instants
from lakehouse.contracts.records import Booked
from lakehouse.errors import LakehouseError

_FIRST = re.compile(rb'"first":(\d+)')
_STAMP = re.compile(rb'"accepted_at":(\d+)')


class BatchHeader(msgspec.Struct, frozen=True, tag="batch", tag_field="kind"):
    """An accepted batch, its events uncounted and unread."""

    segment: str
    first: int
    accepted_at: int
    events: list[msgspec.Raw]


_HEADER = msgspec.json.Decoder(BatchHeader)


@dataclass
class Segment:
    """What one segment file holds. ``next`` is the sequence after its last event.

    ``ranges`` are its sequences, both ends included, and ``hours`` counts them by acceptance hour. ``lost`` counts
    those before or between them that the disk has lost, by the hour of what follows them.
    """

    number: int
    id: str
    next: int
    first_accepted_at: int = 0
    last_accepted_at: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)
    hours: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    opened: float = field(default_factory=time.monotonic)

    def add(self, first: int, accepted_at: int, count: int) -> None:
        """A line with ``count`` events from the sequence ``first`` on, which is ``next`` unless lines are lost."""
        hour = instants.hour_text(accepted_at)
        if not self.ranges:
            self.first_accepted_at = accepted_at
        self.last_accepted_at = accepted_at
        if first > self.next:
            self.lost[hour] += first - self.next
        begin = self.ranges.pop()[0] if self.ranges and self.ranges[-1][1] + 1 == first else first
        self.next = first + count
        self.ranges.append((begin, self.next - 1))
        self.hours[hour] += count

    @property
    def first(self) -> int:
        return self.ranges[0][0]

    @property
    def count(self) -> int:
        return self.hours.total()

    @property
    def positions(self) -> list[Booked]:
        """Its sequences by acceptance hour. Stamps never go back, so hours follow each other as sequences do."""
        found, waiting = [], self.ranges[::-1]
        for hour, count in sorted(self.hours.items()):
            while count:
                first, last = waiting.pop()
                end = min(last, first + count - 1)
                found.append(Booked(instants.parse_hour(hour) // instants.HOUR_MICROS, first, end))
                count -= end - first + 1
                if end < last:
                    waiting.append((end + 1, last))
        return found


def joined(booked: Iterable[Booked]) -> list[Booked]:
    """The same positions, in order, in as few entries as there can be."""
    found: list[Booked] = []
    for one in booked:
        if found and (found[-1].hour, found[-1].last + 1) == (one.hour, one.first):
            one = Booked(one.hour, found.pop().first, one.last)
        found.append(one)
    return found


def stamp_of(line: bytes) -> int:
    """``accepted_at`` of a line."""
    match = _STAMP.search(line, 0, 512)
    if match is None:
        raise LakehouseError("a line of the segment log has no stamp; keep the folder and ask for help")
    return int(match[1])


def first_of(line: bytes) -> int:
    """The sequence of a line's first event."""
    match = _FIRST.search(line, 0, 512)
    if match is None:
        raise LakehouseError("a line of the segment log has no sequence; keep the folder and ask for help")
    return int(match[1])


def header_of(line: bytes) -> BatchHeader | None:
    """The header of a line, or None if it is torn or no line of ours."""
    if not line.endswith(b"\n"):
        return None
    try:
        return _HEADER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
