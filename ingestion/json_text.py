"""Careful JSON: what the fast decoder accepts silently or cannot say.

In: the bytes of one JSON text. Out: its value, or the reason why we do not take it: a duplicate key, NUL, a lone
surrogate, a number beyond what we carry, too much depth. Nothing here recurses, so no body can exhaust the stack.
"""

import json
import re
from typing import Any, NoReturn

import msgspec

from ingestion.reasons import Reason, RejectedError

# Possessive, and a string that never ends is one token: linear time, whatever the bytes are.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = b" \t\r\n"
_MAX_DIGITS = 300
_encode = msgspec.json.Encoder(order="sorted").encode


class UnreadableError(Exception):
    """The bytes are not JSON, or not of the shape that the media type says."""


def depth(text: bytes) -> int:
    """Levels of nesting; 1 for an object without any inside."""
    level = deepest = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif first in b"]}":
            level -= 1
    return deepest


def split_array(text: bytes) -> list[bytes]:
    """The elements of a JSON array, unparsed: brackets and strings are followed, nothing else is checked."""
    stripped = text.strip(_SPACE)
    if not (stripped.startswith(b"[") and stripped.endswith(b"]")):
        raise UnreadableError("a batch is a JSON array")
    elements, level, start = [], 0, 1
    for token in _TOKEN.finditer(stripped):
        first = stripped[token.start()]
        if first in b"[{":
            level += 1
        elif first in b"]}":
            level -= 1
            if level == 0 and token.end() != len(stripped):
                raise UnreadableError("there is something after the array")
        if level < 0:
            raise UnreadableError("the brackets do not match")
        if (level == 1 and first == ord(",")) or level == 0:
            elements.append(stripped[start : token.start()].strip(_SPACE))
            start = token.end()
    if level:
        raise UnreadableError("the brackets do not match")
    return [] if elements == [b""] else elements


def loads(text: bytes) -> Any:
    """The value of a JSON text, with every rule enforced. Raises RejectedError or UnreadableError.

    The caller has checked the depth. The standard library's parser is used for its hook on pairs.
    """
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not JSON: {error}") from error
    _check_texts(value)
    return value


def quick(text: bytes) -> Any:
    """The same as :func:`loads`, by the fast decoder wherever that is exact.

    No escape that could spell a colon or NUL, and as many colons outside as inside: then no key came twice.
    """
    if b"\\u003" not in text and b"\\u0000" not in text:
        try:
            value = msgspec.json.decode(text)
            if _encode(value).count(b":") == text.count(b":"):
                return value
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, ValueError):
            pass
    return loads(text)


def compact(value: Any) -> str:
    """The edge's own JSON: keys sorted, no spaces, so that equal content has equal bytes."""
    return _encode(value).decode("utf-8")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise RejectedError(Reason.DUPLICATE_KEY, printable(twice))
    return made


def _check_texts(value: Any) -> None:
    """Looks at every key and every text, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise RejectedError(Reason.NUL_CHARACTER, printable(text))
    if not text.isascii() and _SURROGATE.search(text):
        raise RejectedError(Reason.LONE_SURROGATE, printable(text))


def printable(text: str) -> str:
    """A short form of somebody's text that is safe in an answer."""
    return text[:64].encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise RejectedError(Reason.OUT_OF_RANGE, text[:20])
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise RejectedError(Reason.OUT_OF_RANGE, text[:20])
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def unquote(text: bytes) -> bytes:
    """The inside of a quoted string of an HTTP header: a backslash stands for the character after it."""
    return re.sub(rb"\\(.)", rb"\1", text[1:-1], flags=re.DOTALL)
