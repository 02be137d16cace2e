"""Validates one event that the fast decoder did not take, and says exactly what is wrong with it.

In: the value of one JSON object in the CloudEvents JSON format. Out: a :class:`ValidEvent`, or RejectedError with the
reason and the path of the field. Accepts all that ``event_structs`` accepts, and besides: extensions, unknown fields
of ``data``, ``data_base64``, null where a field may be absent. A field is checked only where the event's type has it:
under every other name, and under a known name in another place, any value is kept.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingestion.event_data import data_of
from ingestion.event_structs import LINE_PRICES, MAX_ID, MAX_SOURCE
from ingestion.rejections import Reason, RejectedError
from ingestion.strict_json import printable
from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.events import (
    MAX_MONEY,
    MAX_QUANTITY,
    ORDER_LINE,
    REFUND_LINE,
    SHAPES,
    DataShape,
    EventType,
    Kind,
)

_ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data", "data_base64"}
)
_EXTENSION_NAME = re.compile(r"[a-z0-9]{1,256}")
_RANGES = {Kind.MONEY: (0, MAX_MONEY), Kind.QUANTITY: (1, MAX_QUANTITY), Kind.MILLISECONDS: (0, MAX_MONEY)}
_LINES = {Kind.ORDER_LINES: ORDER_LINE, Kind.REFUND_LINES: REFUND_LINE}


@dataclass(slots=True)
class ValidEvent:
    """The parts of an event that passed every check but that of its time."""

    id: str
    source: str
    type: EventType
    time: str
    data: dict[str, Any]
    subject: str | None
    dataschema: str | None
    extensions: dict[str, str | int | bool] | None


def check(event: Any, max_depth: int) -> ValidEvent:
    if not isinstance(event, dict):
        raise RejectedError(Reason.WRONG_TYPE, "event")
    given = {name: value for name, value in event.items() if value is not None}
    if given.get("specversion", "1.0") != "1.0":
        raise RejectedError(Reason.BAD_SPECVERSION, "specversion")
    _text(given, "specversion", 3)
    identity = _text(given, "id", MAX_ID), _text(given, "source", MAX_SOURCE)
    event_type = _event_type(_text(given, "type"))
    time = _text(given, "time")
    checked = ValidEvent(
        *identity,
        event_type,
        time,
        data_of(given, max_depth),
        _text(given, "subject") if "subject" in given else None,
        _text(given, "dataschema") if "dataschema" in given else None,
        _extensions(given),
    )
    _check_data(SHAPES[event_type], checked.data, "data")
    return checked


def _text(given: dict[str, Any], name: str, longest: int | None = None) -> str:
    """A required attribute."""
    value = given.get(name)
    if value is None:
        raise RejectedError(Reason.MISSING_FIELD, name)
    if not isinstance(value, str):
        raise RejectedError(Reason.WRONG_TYPE, name)
    if not value:
        raise RejectedError(Reason.EMPTY_FIELD, name)
    if longest is not None and len(value) > longest:
        raise RejectedError(Reason.TOO_LONG, name)
    return value


def _event_type(name: str) -> EventType:
    try:
        return EventType(name)
    except ValueError:
        raise RejectedError(Reason.UNKNOWN_TYPE, "type") from None


def _extensions(given: dict[str, Any]) -> dict[str, str | int | bool] | None:
    found: dict[str, str | int | bool] = {}
    for name in sorted(given.keys() - _ATTRIBUTES):
        value = given[name]
        if not _EXTENSION_NAME.fullmatch(name):
            raise RejectedError(Reason.BAD_ATTRIBUTE, printable(name))
        if not isinstance(value, str | int | bool):
            raise RejectedError(Reason.WRONG_TYPE, printable(name))
        if isinstance(value, int) and not -(2**31) <= value < 2**31:
            raise RejectedError(Reason.OUT_OF_RANGE, printable(name))
        found[name] = value
    return found or None


def _check_data(shape: DataShape, data: Any, path: str) -> None:
    """Raises where a field of the shape is not right; takes away those of its optional fields that are null."""
    if not isinstance(data, dict):
        raise RejectedError(Reason.WRONG_TYPE, path)
    for name, kind in shape.required.items():
        if data.get(name) is None:
            raise RejectedError(Reason.MISSING_FIELD, f"{path}.{name}")
        if data[name] == "":
            raise RejectedError(Reason.EMPTY_FIELD, f"{path}.{name}")
        _check_field(kind, data[name], f"{path}.{name}")
    _drop_nulls(data, shape.optional)
    for name, kind in shape.optional.items():
        if name in data:
            if data[name] == "" and name.endswith("_id"):
                raise RejectedError(Reason.EMPTY_FIELD, f"{path}.{name}")
            _check_field(kind, data[name], f"{path}.{name}")
    for name, needed in shape.needs.items():
        if name in data and needed not in data:
            raise RejectedError(Reason.MISSING_FIELD, f"{path}.{needed}")
    if shape.parts and sum(data.get(name, 0) for name in shape.parts) > data.get("amount_minor", 0):
        raise RejectedError(Reason.OUT_OF_RANGE, f"{path}.amount_minor")


def _drop_nulls(data: dict[str, Any], optional: Iterable[str]) -> None:
    """An optional field that is null is absent: sent with it or without, an event has the same bytes."""
    for name in optional:
        if data.get(name, 0) is None:
            del data[name]


def _check_field(kind: Kind, value: Any, path: str) -> None:
    if kind in _RANGES:
        _check_integer(*_RANGES[kind], value, path)
    elif kind in _LINES:
        _check_lines(kind, value, path)
    elif not isinstance(value, str):
        raise RejectedError(Reason.WRONG_TYPE, path)
    elif kind is Kind.CURRENCY and value not in EXPONENTS:
        raise RejectedError(Reason.UNKNOWN_CURRENCY, path)


def _check_integer(least: int, most: int, value: Any, path: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise RejectedError(Reason.WRONG_TYPE, path)
    if not least <= value <= most:
        raise RejectedError(Reason.OUT_OF_RANGE, path)


def _check_lines(kind: Kind, lines: Any, path: str) -> None:
    if not isinstance(lines, list):
        raise RejectedError(Reason.WRONG_TYPE, path)
    for number, line in enumerate(lines):
        place = f"{path}[{number}]"
        _check_data(_LINES[kind], line, place)
        if kind is Kind.ORDER_LINES:
            _check_prices(line, place)


def _check_prices(line: dict[str, Any], path: str) -> None:
    _drop_nulls(line, LINE_PRICES)
    prices = [name for name in LINE_PRICES if name in line]
    if not prices:
        raise RejectedError(Reason.MISSING_FIELD, f"{path}.unit_price_minor")
    for name in prices:
        _check_integer(0, MAX_MONEY, line[name], f"{path}.{name}")
