"""NDJSON to events: one CloudEvent a line, with the merchant that it belongs to.

In: lines of bytes, and how a line names its merchant. Out: a :class:`Line`, or a :class:`RejectedLine` with its number
and what is wrong with it; one bad line never stops the others. Values are passed on as they were written. A byte order
mark at the beginning of any line is skipped, because a file may be several files concatenated.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from lakehouse.tokens import MERCHANT_ID, MERCHANT_ID_RULE

_BYTE_ORDER_MARKS = re.compile(rb"\s*+(?:\xef\xbb\xbf\s*+)*+")
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)


@dataclass(frozen=True)
class Line:
    """A readable line: ``event`` is the JSON to send."""

    number: int
    merchant_id: str
    event: bytes


@dataclass(frozen=True)
class RejectedLine:
    """A line that was not taken, by us or by the edge."""

    number: int
    merchant_id: str | None
    reason: str
    detail: str
    text: bytes


def read_lines(
    lines: Iterable[bytes], *, merchant: str | None = None, field: str = "merchant"
) -> Iterator[Line | RejectedLine]:
    """Reads lines; empty ones are passed over.

    All events belong to ``merchant``; without it the attribute ``field`` of each event names its merchant, and is
    taken away.
    """
    for number, text in enumerate(lines, start=1):
        if content := content_of(text):
            yield _read(number, content, merchant, field)


def content_of(line: bytes) -> bytes:
    """What a line holds; nothing if it is empty."""
    start = _BYTE_ORDER_MARKS.match(line)
    return line[start.end() if start else 0 :].strip()


def _read(number: int, text: bytes, merchant: str | None, field: str) -> Line | RejectedLine:
    try:
        fields = _FIELDS.decode(text)
    except _UNREADABLE as error:
        return RejectedLine(number, merchant, "bad_json", f"line {number} is not a JSON object: {error}", text)
    if merchant is not None:
        return Line(number, merchant, text)
    named = _text(fields.pop(field, None))
    if named is None or not MERCHANT_ID.fullmatch(named):
        detail = f"line {number} has no merchant id in {field!r} ({MERCHANT_ID_RULE}); name one with --merchant or "
        detail += "--merchant-field"
        return RejectedLine(number, None, "no_merchant", detail, text)
    return Line(number, named, msgspec.json.encode(fields))


def _text(raw: msgspec.Raw | None) -> str | None:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=str)
    except _UNREADABLE:
        return None
