"""What events would add to the numbers if all of them are accepted and none is counted yet. Pure.

In: the events that are to be sent, mended. Out: sums by merchant, currency and type, whose measures are those of gold:
money in minor units, what is taken back as a positive return. An event that lacks a number or a text of its
type is ``unreadable``; the edge would reject it again, with its reason.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Any, NamedTuple

from lakehouse.contracts.events import MAX_MONEY, MAX_QUANTITY, EventType

_TAKES_BACK = (EventType.ORDER_CANCELLED, EventType.REFUND_ISSUED)


class Key(NamedTuple):
    """``currency`` is '' where an event names none."""

    merchant_id: str
    currency: str
    type: str


@dataclass(frozen=True)
class Sums:
    events: int = 0
    unreadable: int = 0
    orders: int = 0
    orders_cancelled: int = 0
    units: int = 0
    gross_sales: int = 0
    discounts: int = 0
    returns: int = 0
    shipping: int = 0
    tax: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))


MEASURES = tuple(field.name for field in fields(Sums))


class Preview:
    """Adds up as the events come."""

    def __init__(self) -> None:
        self._sums: dict[Key, Sums] = {}

    def add(self, merchant_id: str, text: bytes) -> None:
        event = _object(text)
        data = _data(event)
        kind, currency = event.get("type"), data.get("currency")
        key = Key(merchant_id, *(value if isinstance(value, str) else "" for value in (currency, kind)))
        self._sums[key] = self._sums.get(key, Sums()) + _sums(kind, data)

    def rows(self) -> list[tuple[Key, Sums]]:
        return sorted(self._sums.items())

    def documents(self) -> list[dict[str, Any]]:
        return [key._asdict() | dict(zip(MEASURES, astuple(sums), strict=True)) for key, sums in self.rows()]

    def lines(self) -> Iterator[str]:
        """For people: what is not 0."""
        for key, sums in self.rows():
            named = " ".join(filter(None, (key.merchant_id, key.type or "of no type", key.currency)))
            told = zip(MEASURES, astuple(sums), strict=True)
            yield f"{named}: " + ", ".join(f"{name} {value:,}" for name, value in told if value)


def _sums(kind: Any, data: dict[str, Any]) -> Sums:
    try:
        if kind == EventType.ORDER_PLACED:
            return _placed(data)
        if kind in _TAKES_BACK:
            return _taken_back(kind, data)
    except _UnreadableError:
        return Sums(events=1, unreadable=1)
    return Sums(events=1)


def _placed(data: dict[str, Any]) -> Sums:
    lines = data.get("items")
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise _UnreadableError
    _text(data, "order_id")
    _text(data, "currency")
    quantities = [_whole(line, "quantity", 1, MAX_QUANTITY) for line in lines]
    return Sums(
        events=1,
        orders=1,
        units=sum(quantities),
        gross_sales=sum(map(_amount, lines, quantities)),
        discounts=sum(_money(each, "discount_minor") or 0 for each in (data, *lines)),
        shipping=_money(data, "shipping_minor") or 0,
        tax=_money(data, "tax_minor") or 0,
    )


def _taken_back(kind: str, data: dict[str, Any]) -> Sums:
    is_refund = kind == EventType.REFUND_ISSUED
    amount, shipping, tax = (_money(data, name) for name in ("amount_minor", "shipping_minor", "tax_minor"))
    _text(data, "refund_id" if is_refund else "order_id")
    if is_refund or amount is not None:
        _text(data, "currency")
    if amount is None:
        if is_refund:
            raise _UnreadableError
        return Sums(events=1, orders_cancelled=1)
    given_back = (shipping or 0) + (tax or 0)
    return Sums(
        events=1,
        orders_cancelled=int(not is_refund),
        returns=amount - given_back,
        shipping=-(shipping or 0),
        tax=-(tax or 0),
    )


def _amount(line: dict[str, Any], quantity: int) -> int:
    """A line's total, or its quantity times its price."""
    amount, price = _money(line, "amount_minor"), _money(line, "unit_price_minor")
    if amount is None and price is None:
        raise _UnreadableError
    return amount if amount is not None else quantity * (price or 0)


def _money(data: dict[str, Any], name: str) -> int | None:
    return None if data.get(name) is None else _whole(data, name, 0, MAX_MONEY)


def _whole(data: dict[str, Any], name: str, least: int, most: int) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _UnreadableError
    return value


def _text(data: dict[str, Any], name: str) -> None:
    if not isinstance(data.get(name), str):
        raise _UnreadableError


class _UnreadableError(Exception):
    """Never leaves this module."""


def _object(text: bytes | str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _data(event: dict[str, Any]) -> dict[str, Any]:
    """In ``data``, or in ``data_base64``."""
    data, encoded = event.get("data"), event.get("data_base64")
    if isinstance(encoded, str):
        try:
            return _object(base64.b64decode(encoded))
        except ValueError:
            return {}
    return data if isinstance(data, dict) else {}
