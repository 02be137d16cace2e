"""NDJSON to events: one CloudEvent a line, with the merchant that it belongs to.

In: lines of bytes, and how a line names its merchant. Out: a :class:`Line`, or a :class:`Refusal` that names the line
and what is wrong with it; one bad line never stops the others. Values are passed on as they were written.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from lakehouse.tokens import MERCHANT_ID

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True)
class Line:
    """A readable line: ``event`` is the JSON to send."""

    number: int
    merchant_id: str
    event: bytes


@dataclass(frozen=True)
class Refusal:
    """A line that was not taken, by us or by the edge."""

    number: int
    merchant_id: str | None
    reason: str
    detail: str
    text: bytes


def read_lines(
    lines: Iterable[bytes], *, merchant: str | None = None, field: str = "merchant"
) -> Iterator[Line | Refusal]:
    """Reads lines; empty ones are passed over.

    All events belong to ``merchant``; without it the attribute ``field`` of each event names its merchant, and is
    taken away.
    """
    for number, text in enumerate(lines, start=1):
        if text := text.strip():
            yield _read(number, text, merchant, field)


def _read(number: int, text: bytes, merchant: str | None, field: str) -> Line | Refusal:
    try:
        fields = _FIELDS.decode(text)
    except msgspec.DecodeError as error:
        return Refusal(number, merchant, "bad_json", f"line {number} is not a JSON object: {error}", text)
    if merchant is not None:
        return Line(number, merchant, text)
    named = _text(fields.pop(field, None))
    if named is None or not MERCHANT_ID.fullmatch(named):
        detail = f"line {number} has no merchant id in {field!r}; name one with --merchant or --merchant-field"
        return Refusal(number, None, "no_merchant", detail, text)
    return Line(number, named, msgspec.json.encode(fields))


def _text(raw: msgspec.Raw | None) -> str | None:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError:
        return None
