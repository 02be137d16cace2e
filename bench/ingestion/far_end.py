"""Counts at the far end: how many events a contender has brought to its topic.

In: a topic, and from where on. Out: events. Where a record is an event, offsets count them; what the edge writes is
read, and the events in each record are counted.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from lakehouse.errors import LakehouseError

PATIENCE = 60.0


class _Line(msgspec.Struct):
    edge: str
    events: list[msgspec.Raw] = []


_decode = msgspec.json.Decoder(_Line).decode


@dataclass
class FarEnd:
    """Of one topic; it goes on where it was when it is asked again. ``edge`` tells its events from another edge's."""

    bootstrap: str
    topic: str
    edge: str | None = None
    _consumer: Any = field(init=False)

    def __post_init__(self) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap, enable_auto_commit=False, max_poll_records=50_000, fetch_max_wait_ms=50
        )
        self._parts = [TopicPartition(self.topic, part) for part in self._consumer.partitions_for_topic(self.topic)]
        self._consumer.assign(self._parts)
        self._consumer.seek_to_end()
        self._at = {part: self._consumer.position(part) for part in self._parts}

    def await_events(self, wanted: int) -> int:
        """What has come since the last call: at once where it is as many as wanted, else what came in time."""
        found, deadline = 0, time.monotonic() + PATIENCE
        while found < wanted and time.monotonic() < deadline:
            found += self._new()
        if found < wanted:
            raise LakehouseError(f"{self.topic} has {found:,} events of {wanted:,} that were answered with 202")
        return found + self._new()

    def _new(self) -> int:
        if self.edge is not None:
            polled = self._consumer.poll(timeout_ms=200)
            return sum(events_in(record.value, self.edge) for records in polled.values() for record in records)
        ends = self._consumer.end_offsets(self._parts)
        count: int = sum(ends[part] - self._at[part] for part in self._parts)
        self._at = ends
        time.sleep(0.05)
        return count

    def close(self) -> None:
        self._consumer.close()


def events_in(record: bytes, edge: str) -> int:
    """A record is a frame of lines; a line is an accepted batch or a watermark."""
    lines = (_decode(line) for line in record.split(b"\n"))
    return sum(len(line.events) for line in lines if line.edge == edge)
