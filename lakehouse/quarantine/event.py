"""An entry's events, as the edge takes them.

In: what was refused, with its bytes. Out: CloudEvents in JSON, each as it was sent, with the name of the entry that it
replays; or :class:`UnsendableError` where the bytes are no event. Pure.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from lakehouse import instants
from lakehouse.contracts.quarantine import Refused, Station
from lakehouse.quarantine.event_text import UnsendableError, one_object, with_member

REPLAYS = "replayof"
"""The extension by which a token with the scope ``ops`` names what an event replays."""
_ATTRIBUTES = ("id", "source", "type", "subject", "dataschema")


@dataclass(frozen=True)
class Kept:
    """An entry and what was kept of it: of an accepted event the JSON that bronze has, else the bytes that came."""

    refused: Refused
    body: bytes


@dataclass(frozen=True)
class Event:
    """``merchant_id`` sends it again: the one whose token came with it."""

    entry: str
    merchant_id: str
    text: bytes


def events_of(kept: Kept) -> Iterator[Event]:
    """Mostly one; of a record that streaming refused, all of its batch."""
    name, merchant_id = kept.refused.name, kept.refused.merchant_id
    if kept.refused.station is Station.STREAMING:
        record = _record(kept.body)
        merchant_id = record.get("merchant_id")
        texts = [_as_sent(event) for event in record["events"]]
    else:
        texts = [kept.body]
    if not isinstance(merchant_id, str) or not merchant_id:
        raise UnsendableError("it names no merchant")
    for text in texts:
        yield Event(name, merchant_id, one_object(text))


def naming(event: Event) -> bytes:
    """The event with what it replays, whatever it says itself of that: its sender may have had an extension of this
    name. Nothing else of its text changes: what is wrong with it is the edge's to say."""
    return with_member(event.text, REPLAYS, event.entry)


def cloud_event(row: dict[str, Any]) -> bytes:
    """A row of bronze as the event that it was; its ``data`` as the edge has written it."""
    event: dict[str, Any] = json.loads(row["extensions"] or "{}")
    event |= {"specversion": "1.0", "time": _time_text(row["time"])}
    event |= {name: row[name] for name in _ATTRIBUTES if row[name] is not None}
    return msgspec.json.encode(event | {"data": msgspec.Raw(row["data"].encode())})


def _record(body: bytes) -> dict[str, Any]:
    try:
        record = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnsendableError("it is no record of an edge") from error
    events = record.get("events") if isinstance(record, dict) else None
    if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
        raise UnsendableError("it is no record of accepted events")
    return record  # type: ignore[no-any-return]  # json knows no types


def _as_sent(event: dict[str, Any]) -> bytes:
    """What of it is there: the edge, or a program that mends it, sees what is missing."""
    extensions = event.get("extensions")
    sent: dict[str, Any] = dict(extensions) if isinstance(extensions, dict) else {}
    sent |= {"specversion": "1.0"} | {name: event[name] for name in _ATTRIBUTES if name in event}
    if "time" in event:
        sent["time"] = _of_micros(event["time"])
    if "data" in event:
        sent["data"] = _value(event["data"])
    try:
        return msgspec.json.encode(sent)
    except (ValueError, OverflowError, RecursionError) as error:
        raise UnsendableError(f"it cannot be written as JSON: {error}") from error


def _of_micros(value: Any) -> Any:
    try:
        return instants.to_text(instants.from_micros(value))
    except (TypeError, ValueError, OverflowError):
        return value


def _value(data: Any) -> Any:
    """``data`` is JSON in a text."""
    try:
        msgspec.json.decode(data)
        return msgspec.Raw(data.encode())
    except (msgspec.MsgspecError, AttributeError, TypeError, UnicodeError, RecursionError):
        return data


def _time_text(at: datetime) -> str:
    return instants.to_text(at)
