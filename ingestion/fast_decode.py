"""The fast path through the envelope: bytes straight into typed structs, and on to accepted events.

In: the bytes of an event, or of a batch. Out: accepted events, or None as soon as anything is not plainly right: then
``validate`` looks, and gives the reason. Nothing here rejects an event; a test holds both paths to the same result.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from ingestion import event_structs, rfc3339
from ingestion.pseudonyms import Pseudonyms, PseudonymsByDay
from ingestion.rejections import RejectedError
from ingestion.trace_context import TraceContext
from lakehouse.contracts.events import DataShape
from lakehouse.contracts.records import AcceptedEvent

_encode = msgspec.json.Encoder().encode
_NOT_PLAIN = (RejectedError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Sender:
    """Who sends, and what the token allows. ``types`` is None for every type; ``trace`` is the request's context."""

    merchant_id: str
    types: frozenset[str] | None = None
    may_replay: bool = False
    trace: TraceContext | None = None


class FastDecoder:
    """The fast way under one edge's settings. ``max_future`` is in microseconds."""

    def __init__(self, pseudonyms: PseudonymsByDay | None, max_future: int) -> None:
        self._pseudonyms = pseudonyms
        self._max_future = max_future

    def batch(self, body: bytes, sender: Sender, now: int) -> list[AcceptedEvent] | None:
        """All events of a JSON array."""
        return self._read(event_structs.BATCH.decode, body, sender, now)

    def one(self, text: bytes, sender: Sender, now: int) -> AcceptedEvent | None:
        """One event."""
        accepted = self._read(_decode_one, text, sender, now)
        return accepted[0] if accepted else None

    def _read(
        self, decode: Callable[[bytes], Any], text: bytes, sender: Sender, now: int
    ) -> list[AcceptedEvent] | None:
        try:
            events = decode(text) if _is_plain(text) else None
            if events is None or not _no_key_twice(events, text):
                return None
            return self._accept(events, sender, now)
        except _NOT_PLAIN:
            return None
        except Exception:
            _log.exception("the fast way failed; the careful way looks")
            return None

    def _accept(self, events: Iterable[Any], sender: Sender, now: int) -> list[AcceptedEvent] | None:
        """Everything that can be computed once is outside of this loop: it runs for every event that comes in."""
        accepted: list[AcceptedEvent] = []
        types, latest = sender.types, now + self._max_future
        for event in events:
            event_type, personal, priced, taken_back = event_structs.TRAITS[type(event)]
            data, time = event.data, rfc3339.to_micros(event.time)
            if not rfc3339.EARLIEST <= time <= latest or (types is not None and event_type not in types):
                return None
            if priced and not _is_priced(data.items):
                return None
            if taken_back is not None and not _is_whole(data, taken_back):
                return None
            if personal and self._pseudonyms is not None:
                self._hash(self._pseudonyms.at(time), sender.merchant_id, data, personal)
            subject, schema = event.subject, event.dataschema
            accepted.append(
                AcceptedEvent(
                    event.id,
                    event.source,
                    event_type,
                    time,
                    _encode(data).decode(),
                    None if subject is UNSET else subject,
                    None if schema is UNSET else schema,
                    sender.trace,
                )
            )
        return accepted

    def _hash(self, pseudonyms: Pseudonyms, merchant_id: str, data: Any, personal: tuple[str, ...]) -> None:
        for name in personal:
            value = getattr(data, name)
            if value is not UNSET:
                setattr(data, name, pseudonyms.of(merchant_id, value))


def _decode_one(text: bytes) -> tuple[Any]:
    return (event_structs.EVENT.decode(text),)


def _is_plain(text: bytes) -> bool:
    """False if an escape could spell a colon or NUL."""
    return b"\\u003" not in text and b"\\u0000" not in text


def _no_key_twice(decoded: Any, text: bytes) -> bool:
    """A key that came twice has left a colon behind: as many outside as inside means that none did."""
    return _encode(decoded).count(b":") == text.count(b":")


def _is_whole(data: Any, shape: DataShape) -> bool:
    """Fields that come only with another one, and parts of an amount. The type system cannot say that either."""
    given = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    complete = all(needed in given for name, needed in shape.needs.items() if name in given)
    return complete and sum(given.get(name, 0) for name in shape.parts) <= given.get("amount_minor", 0)


def _is_priced(lines: Iterable[Any]) -> bool:
    """Each line has at least one of the two prices. The type system cannot say "one of two"."""
    return all(line.unit_price_minor is not UNSET or line.amount_minor is not UNSET for line in lines)
