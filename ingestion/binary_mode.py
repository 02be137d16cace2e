"""CloudEvents' binary mode: attributes in headers, the data in the body.

In: the ``ce-`` headers and the body. Out: the event as the JSON format would have it, as a value and as bytes. Promise:
whatever is wrong with a request, the bytes are one JSON object with everything that was sent, so that a program can
mend the event.
"""

import base64
import json
import logging
from typing import Any
from urllib.parse import unquote_to_bytes

from ingestion import strict_json
from ingestion.json_split import UnreadableError
from ingestion.rejections import Reason, RejectedError
from lakehouse.http.asgi import Headers

_NOT_IN_HEADERS = frozenset({"data", "data_base64", "datacontenttype"})
_quoted = json.JSONEncoder().encode
_log = logging.getLogger(__name__)

Pairs = list[tuple[str, str]]


def event_of(headers: Headers, body: bytes, max_depth: int) -> tuple[Any, bytes]:
    """The event, or the RejectedError that says why there is none, and the bytes under which it is kept if it is
    refused. Raises UnreadableError with those bytes."""
    pairs, wrong = _attributes(headers)
    try:
        if wrong is not None:
            raise wrong
        data = _data(body, max_depth)
        return dict(pairs) | data, _object(pairs, "data", body if data else b"null")
    except UnreadableError as error:
        error.kept = _whatever(pairs, body)
        raise
    except RejectedError as error:
        refused = error
    except Exception:
        _log.exception("an event could not be judged; it is rejected")
        refused = RejectedError(Reason.INTERNAL_ERROR, "event")
    refused.id = _id(headers)
    return refused, _whatever(pairs, body)


def _attributes(headers: Headers) -> tuple[Pairs, RejectedError | None]:
    """All of them, and what is wrong with the first that is."""
    pairs: Pairs = []
    wrong: RejectedError | None = None
    seen: set[str] = set()
    for name, value in headers:
        attribute = name[3:].decode("ascii", "replace")
        try:
            if attribute in seen:
                raise RejectedError(Reason.DUPLICATE_KEY, attribute)
            if attribute in _NOT_IN_HEADERS:
                raise RejectedError(Reason.BAD_ATTRIBUTE, attribute)
            text = header_value(value, attribute)
        except RejectedError as error:
            wrong = wrong or error
            text = _decoded(value).decode("utf-8", "surrogateescape")
        seen.add(attribute)
        pairs.append((attribute, text))
    return pairs, wrong


def _data(body: bytes, max_depth: int) -> dict[str, Any]:
    if strict_json.depth(body) >= max_depth:
        raise RejectedError(Reason.TOO_DEEP, "data")
    return {"data": strict_json.loads_fast(body)} if body.strip(b" \t\r\n") else {}


def _whatever(pairs: Pairs, body: bytes) -> bytes:
    """Data that is no JSON stands there as base64, in which personal ids are found like in the body itself."""
    if not body.strip(b" \t\r\n"):
        return _object(pairs, "data", b"null")
    if _is_json(body):
        return _object(pairs, "data", body)
    return _object(pairs, "data_base64", b'"' + base64.b64encode(body) + b'"')


def _object(pairs: Pairs, name: str, data: bytes) -> bytes:
    """``data`` is JSON. An attribute that came twice is there twice; one that is no UTF-8 is rejected again."""
    members = "".join(f"{_quoted(attribute)}:{_quoted(text)}," for attribute, text in pairs)
    return b'{%s"%s":%s}' % (members.encode(), name.encode(), data)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.decode("utf-8"), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


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
    try:
        decoded = _decoded(value).decode("utf-8")
    except UnicodeDecodeError:
        raise RejectedError(Reason.BAD_ATTRIBUTE, name) from None
    if "\0" in decoded:
        raise RejectedError(Reason.NUL_CHARACTER, name)
    return decoded


def _decoded(value: bytes) -> bytes:
    text = _utf8(value.strip())
    if len(text) >= 2 and text[:1] == text[-1:] == b'"':
        text = strict_json.unquote(text)
    return unquote_to_bytes(text)
