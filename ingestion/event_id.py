"""The id of a rejected event, and its time, as far as they can be read: for the response, and for quarantine.

In: the event's bytes, or its value. Out: the id that was sent, up to the 256 characters that an id may have, all of
them safe in a response, or None where there is no text under ``id``; the time, or None. Promise: never fails, whatever
the bytes are.
"""

import json
import logging
import re
from typing import Any

import msgspec

from ingestion import rfc3339
from ingestion.event_structs import MAX_ID
from ingestion.json_split import UnreadableError, split
from ingestion.rejections import RejectedError
from ingestion.strict_json import printable

_NAMES = {name: re.compile(rb'"%b"[ \t\r\n]*:' % name.encode()) for name in ("id", "time")}
_log = logging.getLogger(__name__)


class _Members(msgspec.Struct, gc=False):
    """What is beside them is passed over: it need not be right."""

    id: msgspec.Raw = msgspec.Raw(b"null")
    time: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_Members).decode


def id_of(text: bytes, value: Any) -> str | None:
    """``value`` is the event, or why it is none, where that is known already; else None."""
    try:
        found: Any
        if isinstance(value, RejectedError):
            found = value.id
        else:
            found = value.get("id") if isinstance(value, dict) else _in_bytes(text, "id")
        return printable(found, MAX_ID) if isinstance(found, str) else None
    except Exception:
        _log.exception("the id of a refused event could not be read")
        return None


def time_in(text: bytes) -> int | None:
    """In microseconds."""
    found = _in_bytes(text, "time")
    try:
        return rfc3339.to_micros(found) if isinstance(found, str) else None
    except RejectedError:
        return None


def _in_bytes(text: bytes, name: str) -> Any:
    raw: bytes | None
    try:
        raw = bytes(getattr(_decode(text), name))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raw = _among_members(text, name)
    try:
        # The standard library's parser takes lone surrogates, which printable() replaces.
        return None if raw is None else json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _among_members(text: bytes, name: str) -> bytes | None:
    """A member of an object that the fast decoder does not take: too deep, or with escapes that mean nothing."""
    stripped = text.strip(b" \t\r\n")
    if not (stripped.startswith(b"{") and stripped.endswith(b"}")):
        return None
    try:
        found = [member for member in split(stripped) if _NAMES[name].match(member)]
    except UnreadableError:
        return None
    return found[-1].partition(b":")[2] if found else None
