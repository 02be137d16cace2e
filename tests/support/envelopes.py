"""The edge's envelope as tests read bodies with it: one shop sends, at one instant, with and without hashed ids."""

from typing import Any

from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope, ParsedRequest
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import PseudonymsByDay
from ingestion.rejections import Reason
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.settings import EdgeSettings
from tests.support.valid_events import NOW, encode

EDGE = EdgeSettings()
PLAIN = Envelope(EDGE, None)
HASHING = Envelope(EDGE, PseudonymsByDay({0: b"k" * 32}))
SENDER = Sender("shop-1")


def read(
    body: bytes,
    mode: ContentMode = ContentMode.BATCH,
    headers: Any = (),
    sender: Sender = SENDER,
    reader: Envelope = PLAIN,
) -> ParsedRequest:
    return reader.read(mode, body, list(headers), sender, NOW)


def only(event: dict[str, Any]) -> AcceptedEvent:
    reading = read(encode([event]))
    assert reading.rejections == []
    return reading.events[0]


def rejection(event: Any) -> tuple[Reason, str]:
    body = event if isinstance(event, bytes) else encode(event)
    reading = read(b"[" + body + b"]")
    assert reading.events == []
    assert reading.rejections[0].index == 0
    return reading.rejections[0].reason, reading.rejections[0].detail
