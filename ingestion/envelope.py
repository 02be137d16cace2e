"""The bytes of a request become events, or reasons. Pure: no clock, no disk, no network.

In: the mode, the decompressed body, the ``ce-`` headers, who sends, and the time. Out: a :class:`Reading`: every event
of the request is in exactly one of its two lists. The only other outcomes are the problems 400 (unreadable) and 413.

The fast way decodes an event straight into a typed struct (``shapes``); whatever that does not take goes the careful
way, which knows all the rules and their reasons. A test holds both to the same answers.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from ingestion import json_text, times
from ingestion.careful import Checked, check
from ingestion.content import Mode
from ingestion.json_text import UnreadableError
from ingestion.pseudonyms import Pseudonyms
from ingestion.reasons import Reason, Refusal, RejectedError
from ingestion.typed import Sender, Typed
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.problems import Kind, ProblemError
from lakehouse.settings import EdgeSettings

REPLAY_EXTENSION = "replayof"
"""Sent by operators (scope ``ops``): the position that the event replays."""

_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Reading:
    """What a request holds."""

    events: list[AcceptedEvent] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


class Envelope:
    """Reads requests under the limits of one edge."""

    def __init__(self, settings: EdgeSettings, pseudonyms: Pseudonyms | None) -> None:
        self._settings = settings
        self._pseudonyms = pseudonyms
        self._max_future = int(settings.max_future.total_seconds() * 1_000_000)
        self._typed = Typed(pseudonyms, self._max_future)

    def read(self, mode: Mode, body: bytes, headers: Headers, sender: Sender, now: int) -> Reading:
        """``headers`` are the ``ce-`` headers, names in lower case; ``now`` is in microseconds."""
        if mode is Mode.BINARY:
            return self._read_alone(body, sender, now, _binary_event(headers, body, self._settings.max_json_depth))
        if mode is Mode.BATCH or (mode is Mode.BEACON and body.lstrip(b" \t\r\n").startswith(b"[")):
            return self._read_batch(body, sender, now)
        if not body.lstrip(b" \t\r\n").startswith(b"{"):
            raise UnreadableError("an event is a JSON object")
        return self._read_alone(body, sender, now, None)

    def _read_batch(self, body: bytes, sender: Sender, now: int) -> Reading:
        largest = self._settings.max_event_bytes
        elements = _elements(body) if len(body) > largest else None
        if elements is None or max(map(len, elements), default=0) <= largest:
            events = self._typed.batch(body, sender, now)
            if events is not None:
                self._check_count(len(events))
                return Reading(events)
        return self._read_one_by_one(_elements(body) if elements is None else elements, sender, now)

    def _read_one_by_one(self, elements: list[bytes], sender: Sender, now: int) -> Reading:
        self._check_count(len(elements))
        reading = Reading()
        for index, element in enumerate(elements):
            self._read_one(reading, index, element, sender, now, None)
        return reading

    def _check_count(self, count: int) -> None:
        if count > self._settings.max_batch_events:
            raise ProblemError(Kind.TOO_LARGE, f"a batch has at most {self._settings.max_batch_events} events")

    def _read_alone(self, body: bytes, sender: Sender, now: int, value: Any) -> Reading:
        if len(body) > self._settings.max_event_bytes:
            raise ProblemError(Kind.TOO_LARGE, f"an event has at most {self._settings.max_event_bytes} bytes")
        reading = Reading()
        text = _structured(value, body) if value is not None else body
        self._read_one(reading, 0, text, sender, now, value)
        return reading

    def _read_one(self, reading: Reading, index: int, text: bytes, sender: Sender, now: int, value: Any) -> None:
        """Puts one event into one of the two lists. ``value`` is given where ``text`` was not what came."""
        try:
            if value is None:
                if len(text) > self._settings.max_event_bytes:
                    raise RejectedError(Reason.TOO_LARGE, "event")
                event = self._typed.one(text, sender, now)
                if event is None:
                    self._check_depth(text)
                    event = self._careful(json_text.quick(text), sender, now)
            elif isinstance(value, RejectedError):
                raise value
            else:
                event = self._careful(value, sender, now)
            reading.events.append(event)
        except RejectedError as error:
            reading.refusals.append(Refusal(index, _id_of(text, value), error.reason, error.detail, text))

    def _careful(self, value: Any, sender: Sender, now: int) -> AcceptedEvent:
        checked = check(value)
        replay_of = _replay_of(checked) if sender.may_replay else None
        if self._pseudonyms is not None:
            self._pseudonyms.replace(sender.merchant_id, checked.data)
        return AcceptedEvent(
            checked.id,
            checked.source,
            self._allowed(checked.type, sender),
            self._time(checked.time, now),
            json_text.compact(checked.data),
            checked.subject,
            checked.dataschema,
            checked.extensions,
            replay_of,
        )

    def _allowed(self, event_type: str, sender: Sender) -> str:
        if sender.types is not None and event_type not in sender.types:
            raise RejectedError(Reason.FORBIDDEN_TYPE, "type")
        return event_type

    def _time(self, text: str, now: int) -> int:
        micros = times.to_micros(text)
        if not times.EARLIEST <= micros <= now + self._max_future:
            raise RejectedError(Reason.TIME_OUT_OF_RANGE, "time")
        return micros

    def _check_depth(self, text: bytes) -> None:
        limit = self._settings.max_json_depth
        if text.count(b"{") + text.count(b"[") > limit and json_text.depth(text) > limit:
            raise RejectedError(Reason.TOO_DEEP, "event")


def _elements(body: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _RAW_ARRAY.decode(body)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return json_text.split_array(body)


def _binary_event(headers: Headers, body: bytes, max_depth: int) -> Any:
    """The event of a request in binary mode as the JSON format would have it, or the reason why there is none."""
    event: dict[str, Any] = {}
    try:
        for name, value in headers:
            attribute = name[3:].decode("ascii", "replace")
            if attribute in event:
                raise RejectedError(Reason.DUPLICATE_KEY, attribute)
            if attribute in ("data", "data_base64", "datacontenttype"):
                raise RejectedError(Reason.BAD_ATTRIBUTE, attribute)
            event[attribute] = header_value(value, attribute)
        if json_text.depth(body) >= max_depth:
            raise RejectedError(Reason.TOO_DEEP, "data")
        if body.strip(b" \t\r\n"):
            event["data"] = json_text.quick(body)
    except RejectedError as error:
        return error
    return event


def header_value(value: bytes, name: str) -> str:
    """An attribute from a header: quotes undone, then percent-decoded once, as CloudEvents' HTTP binding says."""
    text = value.strip()
    if len(text) >= 2 and text[:1] == text[-1:] == b'"':
        text = json_text.unquote(text)
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise RejectedError(Reason.BAD_ATTRIBUTE, name) from None
    if "\0" in decoded:
        raise RejectedError(Reason.NUL_CHARACTER, name)
    return decoded


def _structured(value: Any, body: bytes) -> bytes:
    """The bytes under which a refused event of the binary mode is kept: its JSON form, with the data as it came."""
    attributes = {} if isinstance(value, RejectedError) else {name: v for name, v in value.items() if name != "data"}
    return _encode(attributes)[:-1] + (b"," if attributes else b"") + b'"data":' + (body or b"null") + b"}"


def _id_of(text: bytes, value: Any) -> str | None:
    """The id of a refused event, if it can be seen."""
    try:
        found = value.get("id") if isinstance(value, dict) else msgspec.json.decode(text, type=dict[str, Any]).get("id")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return json_text.printable(found) if isinstance(found, str) else None


def _replay_of(checked: Checked) -> str | None:
    position = (checked.extensions or {}).pop(REPLAY_EXTENSION, None)
    checked.extensions = checked.extensions or None
    return position if isinstance(position, str) else None
