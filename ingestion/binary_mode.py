"""CloudEvents' binary mode: attributes in headers, the data in the body.

In: the ``ce-`` headers and the body. Out: the event as the JSON format would have it, as a value and as bytes.
"""

import logging
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from ingestion import strict_json
from ingestion.json_split import UnreadableError
from ingestion.rejections import Reason, RejectedError
from lakehouse.http.asgi import Headers

_NOT_IN_HEADERS = frozenset({"data", "data_base64", "datacontenttype"})
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


def event_of(headers: Headers, body: bytes, max_depth: int) -> Any:
    """The event, or the RejectedError that says why there is none; raises UnreadableError."""
    try:
        return _event(headers, body, max_depth)
    except UnreadableError:
        raise
    except RejectedError as error:
        refused = error
    except Exception:
        _log.exception("an event could not be judged; it is rejected")
        refused = RejectedError(Reason.INTERNAL_ERROR, "event")
    refused.id = _id(headers)
    return refused


def structured(event: Any, body: bytes) -> bytes:
    """The bytes under which a refused event is kept: its JSON form, with the data as it came."""
    attributes = {} if isinstance(event, RejectedError) else {name: v for name, v in event.items() if name != "data"}
    return _encode(attributes)[:-1] + (b"," if attributes else b"") + b'"data":' + (body or b"null") + b"}"


def _event(headers: Headers, body: bytes, max_depth: int) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name, value in headers:
        attribute = name[3:].decode("ascii", "replace")
        if attribute in event:
            raise RejectedError(Reason.DUPLICATE_KEY, attribute)
        if attribute in _NOT_IN_HEADERS:
            raise RejectedError(Reason.BAD_ATTRIBUTE, attribute)
        event[attribute] = header_value(value, attribute)
    if strict_json.depth(body) >= max_depth:
        raise RejectedError(Reason.TOO_DEEP, "data")
    if body.strip(b" \t\r\n"):
        event["data"] = strict_json.loads_fast(body)
    return event


def _id(headers: Headers) -> str | None:
    for name, value in headers:
        if name == b"ce-id":
            try:
                return header_value(value, "id")
            except RejectedError:
                return None
    return None


def _utf8(value: bytes) -> bytes:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value


def header_value(value: bytes, name: str) -> str:
    """An attribute from a header: quotes undone, then percent-decoded once, as CloudEvents' HTTP binding says. What
    is no UTF-8 is read as Latin-1: the HTTP clients of Node and Python send texts so."""
    text = _utf8(value.strip())
    if len(text) >= 2 and text[:1] == text[-1:] == b'"':
        text = strict_json.unquote(text)
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise RejectedError(Reason.BAD_ATTRIBUTE, name) from None
    if "\0" in decoded:
        raise RejectedError(Reason.NUL_CHARACTER, name)
    return decoded
