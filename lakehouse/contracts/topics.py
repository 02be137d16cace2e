"""Kafka topics and what a record on them is.

A record on :data:`EVENTS` is a frame of accepted batches or one watermark (``records.py``), on any partition; a record
on :data:`REJECTED` is one thing that the edge refused. The broker's and the topics' largest message exceeds a frame,
and the edge's largest body plus its envelope.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Topic:
    """A topic as it is created by ``lakehouse up``."""

    name: str
    partitions: int
    retention: timedelta
    max_message_bytes: int = 4 << 20


EVENTS = Topic("events", partitions=4, retention=timedelta(days=7))
REJECTED = Topic("rejected", partitions=1, retention=timedelta(days=7))
ALL_TOPICS = (EVENTS, REJECTED)
