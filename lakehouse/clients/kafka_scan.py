"""Reads what a topic retains, once, from its beginning or an instant to where it ended when the reading began.

In: a bootstrap address and a topic. Out: the bounds of each partition, and its records. Nothing is committed, no group
is joined, so that nobody else notices.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from lakehouse.errors import NotReadyError

_SILENCE = 30.0


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    value: bytes


@dataclass(frozen=True)
class Bounds:
    """Retained offsets of a partition: ``start`` included, ``end`` not."""

    start: int
    end: int


class Scan:
    """A topic as it was when the scan was opened."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer = consumer
        parts = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        starts, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
        self._parts = parts
        self.bounds = {part.partition: Bounds(starts[part], ends[part]) for part in parts}

    def records(self, since: int = 0, until: int | None = None) -> Iterator[Record]:
        """All records, or those from the first one on that is stamped ``since`` (milliseconds) or later, and before the
        first one that is stamped ``until`` or later; each partition in order. Raises :class:`NotReadyError` if the
        broker falls silent."""
        begins = self._begins(since)
        ends = {part: bounds.end for part, bounds in zip(self._parts, self.bounds.values(), strict=True)}
        if until is not None:
            ends = self._first_stamped(until)
        waiting = {part for part, begin in begins.items() if begin < ends[part]}
        if not waiting:
            return
        self._consumer.assign(sorted(waiting))
        for part in waiting:
            self._consumer.seek(part, begins[part])
        heard = time.monotonic()
        while waiting:
            polled = self._consumer.poll(timeout_ms=1000)
            heard = time.monotonic() if polled else heard
            if time.monotonic() - heard > _SILENCE:
                raise NotReadyError(f"Kafka has been silent for {_SILENCE:.0f} s. Look at `lakehouse status`.")
            for part, records in polled.items():
                yield from (Record(part.partition, r.offset, r.value) for r in records if r.offset < ends[part])
            # The position passes markers and compacted offsets, which no record stands for.
            waiting -= {part for part in waiting if self._consumer.position(part) >= ends[part]}

    def _begins(self, since: int) -> dict[Any, int]:
        """The offset at which each partition is read first."""
        if not since:
            return {part: self.bounds[part.partition].start for part in self._parts}
        return self._first_stamped(since)

    def _first_stamped(self, instant: int) -> dict[Any, int]:
        """The offset of the first record with this stamp or a later one; the end if there is none."""
        found = self._consumer.offsets_for_times(dict.fromkeys(self._parts, instant))
        return {part: found[part].offset if found[part] else self.bounds[part.partition].end for part in self._parts}


@contextmanager
def scan(bootstrap: str, topic: str) -> Iterator[Scan]:
    """Opens a topic; Kafka's errors become :class:`NotReadyError`."""
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="lakehouse-ledger",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Records are compressed, and may be 2 MiB each.
            fetch_max_bytes=16 << 20,
            max_partition_fetch_bytes=4 << 20,
            max_poll_records=500,
        )
        try:
            yield Scan(consumer, topic)
        finally:
            consumer.close()
    except (KafkaError, OSError) as error:
        raise NotReadyError(f"Kafka at {bootstrap} does not answer ({type(error).__name__}: {error})") from error
