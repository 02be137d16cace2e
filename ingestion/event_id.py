"""The id of a rejected event, as far as it can be read: for the response, and for quarantine.

In: the event's bytes, or its value. Out: the id that was sent, up to the 256 characters that an id may have, all of
them safe in a response; None where there is no text under ``id``. Promise: never fails, whatever the bytes are.
"""

import json
import logging
import re
from typing import Any

import msgspec

from ingestion.event_structs import MAX_ID
from ingestion.json_split import UnreadableError, split
from ingestion.rejections import RejectedError
from ingestion.strict_json import printable

_NAME = re.compile(rb'"id"[ \t\r\n]*:')
_log = logging.getLogger(__name__)


class _WithId(msgspec.Struct, gc=False):
    """What is beside the id is passed over: it need not be right."""

    id: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_WithId).decode


def id_of(text: bytes, value: Any) -> str | None:
    """``value`` is the event, or why it is none, where that is known already; else None."""
    try:
        found: Any
        if isinstance(value, RejectedError):
            found = value.id
        else:
            found = value.get("id") if isinstance(value, dict) else _in_bytes(text)
        return printable(found, MAX_ID) if isinstance(found, str) else None
    except Exception:
        _log.exception("the id of a refused event could not be read")
        return None


def _in_bytes(text: bytes) -> Any:
    raw: bytes | None
    try:
        raw = bytes(_decode(text).id)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raw = _among_members(text)
    try:
        # The standard library's parser takes lone surrogates, which printable() replaces.
        return None if raw is None else json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _among_members(text: bytes) -> bytes | None:
    """The id of an object that the fast decoder does not take: too deep, or with escapes that mean nothing."""
    stripped = text.strip(b" \t\r\n")
    if not (stripped.startswith(b"{") and stripped.endswith(b"}")):
        return None
    try:
        found = [member for member in split(stripped) if _NAME.match(member)]
    except UnreadableError:
        return None
    return found[-1].partition(b":")[2] if found else None
