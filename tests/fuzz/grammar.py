"""Data of an event as contract 1 has it, at its extremes, made from the table of types: a new type or field is covered
by itself, and a new kind of field stops the generator until it is told about it.

In: a source of chance and the business keys of a round. Out: data that the edge is meant to take.
"""

import random
from collections.abc import Callable
from typing import Any

from ingestion.event_structs import LINE_PRICES
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
from tests.fuzz import anything, corners

BUSINESS_KEYS = ("order_id", "refund_id")
CURRENCIES = sorted(EXPONENTS)
KEYS = (
    *("o1", "O1", "o1 ", " o1", "é", "e\u0301", "it's", "19.99", "\U0001f600", '"', "\\", "null", "0", "-0", "a" * 300),
    *(f"o{number}" for number in range(2, 40)),
)
"""Few, so that they come again; some differ by what careless comparing overlooks."""


class Grammar:
    """What the fields of one round may hold."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._usual = chance.sample(CURRENCIES, 3)
        self._values: dict[Kind, Callable[[str], Any]] = {
            Kind.TEXT: self._text,
            Kind.MONEY: lambda _: self._number(0, MAX_MONEY),
            Kind.QUANTITY: lambda _: self._number(1, MAX_QUANTITY),
            Kind.MILLISECONDS: lambda _: self._number(0, MAX_MONEY),
            Kind.CURRENCY: lambda _: chance.choice(chance.choice((self._usual, CURRENCIES))),
            Kind.ORDER_LINES: lambda _: self._lines(self._order_line),
            Kind.REFUND_LINES: lambda _: self._lines(lambda: self._object(REFUND_LINE)),
        }

    def data(self, event_type: EventType) -> dict[str, Any]:
        """Every required field, and the optional ones there, absent or null; any field besides."""
        return self._object(SHAPES[event_type])

    def field(self, kind: Kind, name: str) -> Any:
        return self._values[kind](name)

    def _object(self, shape: DataShape, known: tuple[str, ...] = ()) -> dict[str, Any]:
        made = {name: self._values[kind](name) for name, kind in shape.required.items()}
        for name, kind in shape.optional.items():
            if (there := self.chance.random()) < 0.6:
                made[name] = self._values[kind](name) if there < 0.5 else None
        self._keep_within(shape, made)
        many = 4 if self.chance.random() < 0.5 else 0
        return made | anything.unknown_fields(self.chance, {*shape.required, *shape.optional, *known}, many)

    def _keep_within(self, shape: DataShape, made: dict[str, Any]) -> None:
        """Takes away what came without the field that it needs, and has the parts of an amount fit into it."""
        for _ in shape.needs:
            for name, needed in shape.needs.items():
                if made.get(needed) is None:
                    made.pop(name, None)
        left = made.get("amount_minor") or 0
        for name in shape.parts:
            if made.get(name) is not None:
                made[name] = self.chance.choice((0, left, self.chance.randint(0, left)))
                left -= made[name]

    def _lines(self, line: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            line() for _ in range(self.chance.choice((0, 1, 1, 1, 2, 3, 5, 40 if self.chance.random() < 0.1 else 4)))
        ]

    def _order_line(self) -> dict[str, Any]:
        prices = self.chance.choice(((LINE_PRICES[0],), (LINE_PRICES[1],), LINE_PRICES))
        nulls: dict[str, Any] = dict.fromkeys(LINE_PRICES) if self.chance.random() < 0.1 else {}
        priced = {name: self._number(0, MAX_MONEY) for name in prices}
        return self._object(ORDER_LINE, LINE_PRICES) | nulls | priced

    def _number(self, least: int, most: int) -> int:
        return self.chance.choice(
            (least, least + 1, most, most - 1, self.chance.randint(least, 5_000), self.chance.randint(least, most))
        )

    def _text(self, name: str) -> str:
        """Keys of few values; free text may be empty where it is optional (the edge says where)."""
        if name in BUSINESS_KEYS:
            return self.chance.choice(KEYS)
        kind = self.chance.random()
        if kind < 0.02:
            return anything.long_text(self.chance, self.chance.choice((1_000, 5_000, 40_000)))
        return (
            self.chance.choice(corners.TEXTS if kind < 0.5 and not name.endswith("_id") else corners.TEXTS[2:])
            if kind < 0.6
            else anything.text(self.chance)
        )
