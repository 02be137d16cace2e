"""Reads the events of a request. Pure: no clock, no disk, no network.

In: the content mode, the decompressed body, the ``ce-`` headers, who sends, and the time. Out: a
:class:`ParsedRequest`: every event of the request is in exactly one of its two lists. The only other outcomes are the
problems 400 (unreadable) and 413: whatever fails while one event is read is that event's rejection, and the others are
accepted.

The fast path decodes an event straight into a typed struct (``fast_decode``); what that does not take goes through
``validate``, which knows all the rules and their reasons. A test holds both to the same answers.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

from ingestion import binary_mode, rfc3339, strict_json
from ingestion.content_headers import ContentMode
from ingestion.event_id import id_of
from ingestion.fast_decode import FastDecoder, Sender
from ingestion.json_split import UnreadableError, elements_of
from ingestion.pseudonyms import PseudonymsByDay
from ingestion.rejections import Reason, RejectedError, Rejection
from ingestion.strict_json import BYTE_ORDER_MARK
from ingestion.trace_context import with_context
from ingestion.validate import ValidEvent, check
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.http.asgi import Headers
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.settings import EdgeSettings

REPLAY_EXTENSION = "replayof"
"""Sent by operators (scope ``ops``): the position, or the entry in quarantine, that the event replays."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ParsedRequest:
    """What a request holds. ``unreadable`` says why its body cannot be read; then the body is the only rejection."""

    events: list[AcceptedEvent] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    unreadable: str | None = None


class TooManyEventsError(ProblemError):
    """413; ``counted`` events were counted before it was given up."""

    def __init__(self, most: int) -> None:
        super().__init__(Kind.TOO_LARGE, f"a batch has at most {most} events")
        self.counted = most + 1


class Envelope:
    """Reads requests under the limits of one edge."""

    def __init__(self, settings: EdgeSettings, pseudonyms: PseudonymsByDay | None) -> None:
        self._settings = settings
        self._pseudonyms = pseudonyms
        self._max_future = int(settings.max_future.total_seconds() * 1_000_000)
        self._fast = FastDecoder(pseudonyms, self._max_future)

    def read(self, mode: ContentMode, body: bytes, headers: Headers, sender: Sender, now: int) -> ParsedRequest:
        """``headers`` are the ``ce-`` headers, names in lower case; ``now`` is in microseconds."""
        body = body.removeprefix(BYTE_ORDER_MARK)
        if mode is ContentMode.BINARY:
            return self._read_binary(body, headers, sender, now)
        if mode is ContentMode.BATCH or (mode is ContentMode.BEACON and body.lstrip(b" \t\r\n").startswith(b"[")):
            return self._read_batch(body, sender, now)
        if not body.lstrip(b" \t\r\n").startswith(b"{"):
            raise UnreadableError("an event is a JSON object")
        self._check_alone(len(body))
        return self._read_alone(body, sender, now, None)

    def read_plain(self, mode: ContentMode, body: bytes, sender: Sender, now: int) -> ParsedRequest | None:
        """The fast way alone: None unless the body is a batch whose every event is plainly right."""
        if mode is not ContentMode.BATCH or len(body) > self._settings.max_event_bytes:
            return None
        events = self._fast.batch(body.removeprefix(BYTE_ORDER_MARK), sender, now)
        if events is None:
            return None
        self._check_count(len(events))
        return ParsedRequest(events)

    def _read_batch(self, body: bytes, sender: Sender, now: int) -> ParsedRequest:
        largest = self._settings.max_event_bytes
        elements = self._elements(body) if len(body) > largest else None
        if elements is None or max(map(len, elements), default=0) <= largest:
            events = self._fast.batch(body, sender, now)
            if events is not None:
                self._check_count(len(events))
                return ParsedRequest(events)
        return self._read_one_by_one(self._elements(body) if elements is None else elements, sender, now)

    def _read_one_by_one(self, elements: list[bytes], sender: Sender, now: int) -> ParsedRequest:
        reading = ParsedRequest()
        for index, element in enumerate(elements):
            self._read_one(reading, index, element, sender, now, None)
        return reading

    def _elements(self, body: bytes) -> list[bytes]:
        elements = elements_of(body, self._settings.max_batch_events)
        self._check_count(len(elements))
        return elements

    def _check_count(self, count: int) -> None:
        if count > self._settings.max_batch_events:
            raise TooManyEventsError(self._settings.max_batch_events)

    def _check_alone(self, size: int) -> None:
        if size > self._settings.max_event_bytes:
            raise ProblemError(Kind.TOO_LARGE, f"an event has at most {self._settings.max_event_bytes} bytes")

    def _read_binary(self, body: bytes, headers: Headers, sender: Sender, now: int) -> ParsedRequest:
        self._check_alone(len(body) + sum(len(name) + len(value) for name, value in headers))
        event, text = binary_mode.event_of(headers, body, self._settings.max_json_depth)
        return self._read_alone(text, sender, now, event)

    def _read_alone(self, text: bytes, sender: Sender, now: int, value: Any) -> ParsedRequest:
        reading = ParsedRequest()
        self._read_one(reading, 0, text, sender, now, value)
        return reading

    def _read_one(self, reading: ParsedRequest, index: int, text: bytes, sender: Sender, now: int, value: Any) -> None:
        """Puts one event into one of the two lists. ``value`` is given where ``text`` was not what came."""
        try:
            if value is None:
                if len(text) > self._settings.max_event_bytes:
                    raise RejectedError(Reason.TOO_LARGE, "event")
                event = self._fast.one(text, sender, now)
                if event is None:
                    self._check_depth(text)
                    event = self._validate(strict_json.loads_fast(text), sender, now)
            elif isinstance(value, RejectedError):
                raise value
            else:
                event = self._validate(value, sender, now)
            reading.events.append(event)
        except RejectedError as error:
            reading.rejections.append(Rejection(index, id_of(text, value), error.reason, error.detail, text))
        except UnreadableError:
            raise
        except Exception:
            _log.exception("an event could not be judged; it is rejected")
            reading.rejections.append(Rejection(index, id_of(text, value), Reason.INTERNAL_ERROR, "event", text))

    def _validate(self, value: Any, sender: Sender, now: int) -> AcceptedEvent:
        checked = check(value, self._settings.max_json_depth)
        replay_of = _replay_of(checked) if sender.may_replay else None
        event_type, time = self._allowed(checked.type, sender), self._time(checked.time, now)
        if self._pseudonyms is not None:
            self._pseudonyms.at(time).replace(sender.merchant_id, checked.data)
        return AcceptedEvent(
            checked.id,
            checked.source,
            event_type,
            time,
            strict_json.compact(checked.data),
            checked.subject,
            checked.dataschema,
            with_context(checked.extensions, sender.trace),
            replay_of,
        )

    def _allowed(self, event_type: str, sender: Sender) -> str:
        if sender.types is not None and event_type not in sender.types:
            raise RejectedError(Reason.FORBIDDEN_TYPE, "type")
        return event_type

    def _time(self, text: str, now: int) -> int:
        micros = rfc3339.to_micros(text)
        if not rfc3339.EARLIEST <= micros <= now + self._max_future:
            raise RejectedError(Reason.TIME_OUT_OF_RANGE, "time")
        return micros

    def _check_depth(self, text: bytes) -> None:
        limit = self._settings.max_json_depth
        if text.count(b"{") + text.count(b"[") > limit and strict_json.depth(text) > limit:
            raise RejectedError(Reason.TOO_DEEP, "event")


def _replay_of(checked: ValidEvent) -> str | None:
    position = (checked.extensions or {}).pop(REPLAY_EXTENSION, None)
    checked.extensions = checked.extensions or None
    return position if isinstance(position, str) else None
