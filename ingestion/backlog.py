"""Which lines go to Kafka next: a group of at most a flush, shared fairly among all that wait.

In: the outboxes of this run and of earlier ones. Out: a :class:`Group`. Promise: within an outbox lines come in order;
each outbox that has something gets an equal share of each group, so that what an earlier run left is not starved by
the live one, nor what was refused by what was accepted.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ingestion.incarnation import Incarnation, Outbox
from ingestion.tail_cache import Cursor
from lakehouse.clients.kafka import FLUSH_BYTES, Record


class Group(NamedTuple):
    """Records of one flush, and how far each outbox is delivered once they are acknowledged."""

    records: list[Record]
    ends: list[tuple[Outbox, Cursor]]


class Backlog:
    """Remembers whose turn it is."""

    def __init__(self) -> None:
        self._turn = 0

    def next_group(self, incarnations: Iterable[Incarnation]) -> Group:
        """At least one line if any waits. A line that is larger than a share goes with the group in which its outbox is
        first."""
        waiting = [outbox for incarnation in incarnations for outbox in incarnation.outboxes if outbox.unsent]
        group = Group([], [])
        if not waiting:
            return group
        self._turn = (self._turn + 1) % len(waiting)
        share, room = FLUSH_BYTES // len(waiting), FLUSH_BYTES
        for outbox in waiting[self._turn :] + waiting[: self._turn]:
            lines = outbox.log.read(outbox.delivered, share)
            size = sum(len(line.text) for line in lines)
            if lines and (size <= room or not group.records):
                group.records.extend(Record(outbox.topic, line.key, line.text) for line in lines)
                group.ends.append((outbox, lines[-1].end))
                room -= size
        return group
