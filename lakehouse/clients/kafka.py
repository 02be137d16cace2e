"""Kafka's producer, one flush at a time: hand over some records, wait until all of them are acknowledged, or none
counts.

In: records. Out: an acknowledgement by all replicas in sync, or NotReadyError, after which the caller throws the
producer away and begins again with the same records and a new one. Promise: within one partition, nothing is sent
before what came earlier is acknowledged; a failed flush can leave copies behind, never a gap.
"""

import gc
from collections.abc import Sequence
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError

from lakehouse.errors import NotReadyError

_BATCH_BYTES = 4 << 20
"""Records of one partition that are no more than this together are one batch, which is written whole or not at all; so
is the largest record."""
_COMPRESSION = "lz4"
"""An edge's lines take a quarter of their bytes, at 1 ms a MiB and without Python's lock. gzip takes 6 ms at its
quickest, for a sixth."""
_LINGER_MS = 60_000
"""Nothing is sent before ``flush``: records are never sent apart while they are handed over."""


class Record(NamedTuple):
    """``partition`` None means: any."""

    topic: str
    value: bytes
    partition: int | None = None


class AckedProducer:
    """One session with the brokers. Used by one thread."""

    def __init__(self, bootstrap: str, client_id: str, timeout: float) -> None:
        milliseconds = int(timeout * 1000)
        self._timeout = timeout
        try:
            self._producer: Any = KafkaProducer(
                bootstrap_servers=bootstrap,
                client_id=client_id,
                acks="all",
                enable_idempotence=True,
                compression_type=_COMPRESSION,
                batch_size=_BATCH_BYTES,
                max_request_size=4 * _BATCH_BYTES,
                linger_ms=_LINGER_MS,
                request_timeout_ms=milliseconds,
                delivery_timeout_ms=_LINGER_MS + 2 * milliseconds,
                max_block_ms=milliseconds,
                bootstrap_timeout_ms=milliseconds,
                reconnect_backoff_max_ms=1000,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except (KafkaError, OSError, ValueError) as error:
            text = f"Kafka at {bootstrap} does not answer ({type(error).__name__}: {error})"
            # What was half made is a cycle that holds sockets; while the broker is away, they would add up.
            error.__traceback__ = None
            gc.collect()
            raise NotReadyError(text) from None

    def partitions(self, topic: str) -> list[int]:
        try:
            return sorted(self._producer.partitions_for(topic))
        except (KafkaError, OSError) as error:
            raise NotReadyError(f"Kafka does not name the partitions of {topic}: {error}") from error

    def send(self, records: Sequence[Record]) -> None:
        """Returns once every record is acknowledged. After NotReadyError call :meth:`abandon`."""
        try:
            futures = [
                self._producer.send(record.topic, record.value, partition=record.partition) for record in records
            ]
            self._producer.flush(self._timeout)
            for future in futures:
                future.get(timeout=0)
        except (KafkaError, OSError, ValueError, AssertionError) as error:
            raise NotReadyError(f"Kafka did not acknowledge ({type(error).__name__}: {error})") from error

    def abandon(self) -> None:
        """Ends the session without waiting; what was under way may or may not arrive."""
        try:
            self._producer.close(timeout=0)
        except KafkaError:
            # Closing waits for a flush first, and gives up there when the broker is away.
            self._producer._sender.force_close()
            self._producer._sender.join(self._timeout)
            self._producer._closed = True

    def close(self) -> None:
        self.abandon()
