"""Strict JSON: what the fast decoder accepts silently or cannot say.

In: the bytes of one JSON text. Out: its value, or the reason why we do not take it: a duplicate key, NUL, a lone
surrogate, a number beyond what we carry, too much depth. Numbers keep their value to the last digit. Nothing here
recurses, so no body can exhaust the stack; ``json_split`` cuts JSON into parts without parsing it.
"""

import json
import re
from decimal import Context, Decimal
from itertools import accumulate
from typing import Any, NoReturn

import msgspec

from ingestion.json_split import STRING, UnreadableError, split_array
from ingestion.rejections import Reason, RejectedError

__all__ = ["UnreadableError", "compact", "depth", "loads", "loads_fast", "printable", "split_array", "unquote"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TEXTS = re.compile(STRING + rb'(?:[^"\[\]{}]++|' + STRING + rb")*+", re.DOTALL)
_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_STEP = [1 if byte in b"[{" else -1 for byte in range(256)]
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_DIGITS = 300
_DIGITS = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else ord(" ") for byte in range(256))
_TOO_MANY = b"0" * (_MAX_DIGITS + 1)
_EXACT = Context(prec=_MAX_DIGITS)
_NOT_ZERO = re.compile("[-0.]*[1-9]")
_PLAIN_FLOAT = 16
_SMALLEST, _INFINITE = 1e-300, float("inf")
"""A fraction or power of so many characters has at most 15 digits: a double that is not too small holds it exactly."""
MAX_NAME_BYTES = 32_768
_encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


def depth(text: bytes) -> int:
    """Levels of nesting; 1 for an object without any inside."""
    brackets = _TEXTS.sub(b"", text).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


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
    _check_names(value, text)
    return value


def loads_fast(text: bytes) -> Any:
    """The same as :func:`loads`, by the fast decoder wherever that is exact.

    No escape that could spell a colon or NUL, and as many colons outside as inside: then no key came twice. It would
    take integers of more digits than we do, and round fractions.
    """
    if b"\\u003" not in text and b"\\u0000" not in text and _TOO_MANY not in text.translate(_DIGITS):
        try:
            value = _decode(text)
            if _encode(value).count(b":") == text.count(b":"):
                _check_names(value, text)
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


def _check_names(value: Any, text: bytes) -> None:
    """Names that the JSON readers of later stations do not take: 50,000 bytes is the most in Jackson, which Spark and
    Trino use."""
    waiting = [value] if len(text) > MAX_NAME_BYTES else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for name in value:
                if len(name) > MAX_NAME_BYTES // 4 and len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
                    raise RejectedError(Reason.TOO_LONG, printable(name))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise RejectedError(Reason.NUL_CHARACTER, printable(text))
    if not text.isascii() and _SURROGATE.search(text):
        raise RejectedError(Reason.LONE_SURROGATE, printable(text))


def printable(text: str, longest: int = 64) -> str:
    """A short form of somebody's text that is safe in an answer."""
    return text[:longest].encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def _integer(text: str) -> int:
    _check_digits(text)
    return int(text)


def _float(text: str) -> float | Decimal:
    """A double where that is exact, else all digits. What a double could only call 0 or infinite is refused."""
    if len(text) <= _PLAIN_FLOAT and _SMALLEST < abs(value := float(text)) < _INFINITE:
        return value
    _check_digits(text)
    value = float(text)
    if value == 0 and not _NOT_ZERO.match(text):
        return value
    if value == 0 or abs(value) == _INFINITE:
        raise RejectedError(Reason.OUT_OF_RANGE, text[:20])
    exact = _EXACT.create_decimal(text)
    return value if Decimal(repr(value)) == exact else exact.normalize(_EXACT)


def _check_digits(text: str) -> None:
    if len(text) - text.startswith("-") > _MAX_DIGITS:
        raise RejectedError(Reason.OUT_OF_RANGE, text[:20])


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def unquote(text: bytes) -> bytes:
    """The inside of a quoted string of an HTTP header: a backslash stands for the character after it."""
    return re.sub(rb"\\(.)", rb"\1", text[1:-1], flags=re.DOTALL)


_decode = msgspec.json.Decoder(float_hook=_float).decode
