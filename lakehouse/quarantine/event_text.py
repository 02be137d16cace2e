"""The JSON text of an event, whatever its sender has written.

In: bytes from outside. Out: the same bytes if they are one JSON object and nothing else; or the object with one member
set. Promise: what is joined into a batch stays one element of it, and of the text nothing else changes. Pure.
"""

import json
import re
from collections.abc import Iterator

from lakehouse.errors import LakehouseError

# Numbers are passed over, however long. Line feeds in texts are for the edge, or for a program that mends them.
_decoder = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")


class UnsendableError(LakehouseError):
    """There is no event in it that could be sent."""


def one_object(body: bytes) -> bytes:
    """Without the space around it. Raises :class:`UnsendableError`."""
    text = body.strip()
    try:
        read = _decoder.decode(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UnsendableError("it is no UTF-8") from error
    except ValueError as error:
        raise UnsendableError(f"it is not one JSON object: {error}") from error
    except RecursionError as error:
        raise UnsendableError("it is nested too deep") from error
    if not isinstance(read, dict):
        raise UnsendableError("it is no JSON object")
    return text


def with_member(text: bytes, name: str, value: str) -> bytes:
    """``text`` is one object. The member is its first; others of this name, however they spell it, are left out."""
    try:
        members = list(_members(text.decode("utf-8")))
    except RecursionError as error:
        raise UnsendableError("it is nested too deep") from error
    rest = text[1:]
    if any(key == name for key, _ in members):
        rest = ",".join(member for key, member in members if key != name).encode() + b"}"
    separator = b"," if rest.strip() != b"}" else b""
    return b"{%s:%s%s%s" % (json.dumps(name).encode(), json.dumps(value).encode(), separator, rest)


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Names, and whole members as they are written."""
    at = _behind_space(text, 1)
    while text[at] != "}":
        name, end = _decoder.raw_decode(text, at)
        _, end = _decoder.raw_decode(text, _behind_space(text, _behind_space(text, end) + 1))
        yield name, text[at:end]
        at = _behind_space(text, end)
        at = _behind_space(text, at + 1) if text[at] == "," else at


def _behind_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
