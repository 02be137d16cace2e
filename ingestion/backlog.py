"""What goes to Kafka next: lines in frames, shared fairly among all that wait.

In: the outboxes of this run and of earlier ones, and the partitions of the events topic. Out: a :class:`Group`, what
one flush sends. Promise: within an outbox lines come in order. Of an incarnation, a partition gets one frame a flush at
most, and a line's partition follows from its place in the log: so on a partition none is sent before its predecessors
are acknowledged, also when a flush has failed half way and is sent again, by a new process, too. Each outbox that has
something gets a share, so that what an earlier run left is not starved by the live one, nor what was refused by what
was accepted.

Little is one frame, much is a frame for each partition. So records are as few as can be, and a long backlog is written
and read by all partitions side by side.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingestion.incarnation import Incarnation, Outbox
from ingestion.tail_cache import Cursor, Line
from lakehouse.clients.kafka import Record
from lakehouse.contracts.records import FRAME_BYTES, frame_of
from lakehouse.contracts.topics import EVENTS

TURN_BYTES = 1 << 20
"""After so many bytes of a log the next partition has its turn. A frame has room for them and a line more, however
large a request's body may be."""


class Group(NamedTuple):
    """Records of one flush, and how far each outbox is delivered once they are acknowledged."""

    records: list[Record]
    ends: list[tuple[Outbox, Cursor]]

    @property
    def size(self) -> int:
        return sum(len(record.value) for record in self.records)


class Backlog:
    """Remembers whose turn it is."""

    def __init__(self) -> None:
        self._turn = 0

    def next_group(self, incarnations: Iterable[Incarnation], partitions: Sequence[int]) -> Group:
        """At least one line if any waits."""
        waiting = [outbox for incarnation in incarnations for outbox in incarnation.outboxes if outbox.unsent]
        group = Group([], [])
        if waiting:
            self._turn = (self._turn + 1) % len(waiting)
            in_turn = waiting[self._turn :] + waiting[: self._turn]
            _add_frames([outbox for outbox in in_turn if outbox.topic == EVENTS.name], partitions, group)
            _add_lines([outbox for outbox in in_turn if outbox.topic != EVENTS.name], group)
        return group


def _add_frames(outboxes: list[Outbox], partitions: Sequence[int], group: Group) -> None:
    """As many frames as there are partitions. Outboxes beyond that wait for the next flush."""
    share = max(1, len(partitions) // max(1, len(outboxes)))
    for outbox in outboxes[: len(partitions)]:
        lines = outbox.log.read(outbox.delivered, share * FRAME_BYTES)
        frames = _frames(lines, partitions, zlib.crc32(outbox.log.folder.as_posix().encode()))[:share]
        for partition, frame in frames:
            group.records.append(Record(outbox.topic, frame_of([line.text for line in frame]), partition))
        if frames:
            group.ends.append((outbox, frames[-1][1][-1].end))


def _frames(lines: Iterable[Line], partitions: Sequence[int], first: int) -> list[tuple[int, list[Line]]]:
    """Cuts lines into frames, one a partition. A line that is larger than a frame has one for itself.

    ``first`` is where the turns of a log begin, so that not all edges begin with the same partition.
    """
    frames: list[tuple[int, list[Line]]] = []
    room = 0
    for line in lines:
        size = len(line.text) + 1
        turn = first + line.end.number + (line.end.offset - size) // TURN_BYTES
        partition = partitions[turn % len(partitions)]
        if not frames or frames[-1][0] != partition or size > room:
            if any(partition == used for used, _ in frames):
                break  # it has had its frame
            frames.append((partition, []))
            room = FRAME_BYTES + 1  # the last line has no newline
        frames[-1][1].append(line)
        room -= size
    return frames


def _add_lines(outboxes: list[Outbox], group: Group) -> None:
    """What was refused: a record is a line, and all of a flush are no more bytes than a frame, unless one alone is."""
    room = FRAME_BYTES
    for outbox in outboxes:
        lines = outbox.log.read(outbox.delivered, FRAME_BYTES // len(outboxes))
        size = sum(len(line.text) for line in lines)
        if lines and (size <= room or outbox is outboxes[0]):
            group.records.extend(Record(outbox.topic, line.text) for line in lines)
            group.ends.append((outbox, lines[-1].end))
            room -= size
