"""The sums of a segment file, and the header of one of its lines without reading its events.

In: lines as ``segment_log`` writes them. Out: a :class:`Segment` for the ledger and the raw manifest; merchant,
``accepted_at`` and header of a line.
"""

import re
import time
from dataclasses import dataclass, field

import msgspec

from lakehouse import instants
from lakehouse.errors import LakehouseError

_MERCHANT = re.compile(rb'"merchant_id":"([^"]*)"')
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
    """What one segment file holds. ``next`` is the sequence after its last event."""

    number: int
    id: str
    first: int
    next: int
    first_accepted_at: int = 0
    last_accepted_at: int = 0
    hours: dict[str, int] = field(default_factory=dict)
    opened: float = field(default_factory=time.monotonic)

    def add(self, accepted_at: int, count: int) -> None:
        if self.next == self.first:
            self.first_accepted_at = accepted_at
        self.last_accepted_at = accepted_at
        self.next += count
        hour = instants.hour_text(accepted_at)
        self.hours[hour] = self.hours.get(hour, 0) + count


def merchant_of(line: bytes) -> bytes:
    """The merchant of a line that this module wrote: no event comes before it, and its id needs no escape."""
    match = _MERCHANT.search(line, 0, 512)
    if match is None:
        raise LakehouseError("a line of the segment log names no merchant; keep the folder and ask for help")
    return match[1]


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
