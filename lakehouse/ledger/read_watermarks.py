"""Whether an incarnation still speaks on Kafka.

In: the watermarks on the events topic that were sent since an instant. Out: when the newest of an incarnation's was
sent, by the record's own stamp. An edge that cannot reach HDFS renews no ledger, and is alive.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from lakehouse import instants
from lakehouse.clients.kafka_scan import scan
from lakehouse.contracts.records import Watermark
from lakehouse.contracts.topics import EVENTS

_watermarks = msgspec.json.Decoder(Watermark)


def speaks(bootstrap: str, incarnation: str, since: datetime) -> bool:
    """Whether it has sent a watermark since."""
    with scan(bootstrap, EVENTS.name) as topic:
        records = topic.records(instants.to_micros(since) // 1000)
        return is_among((record.value for record in records), incarnation)


def is_among(values: Iterable[bytes], incarnation: str) -> bool:
    """Whether one of these records is a watermark of the incarnation."""
    return any(incarnation == _incarnation_of(value) for value in values if b'"low_mark"' in value[:64])


def _incarnation_of(value: bytes) -> str | None:
    try:
        return _watermarks.decode(value).incarnation
    except msgspec.DecodeError:
        return None
