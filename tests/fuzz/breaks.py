"""Events that are wrong in some way, or may be: the edge says so, nothing here does.

In: an event that is meant to be right. Out: it with one thing changed; and bytes with something in them that no value
of Python's can be.
"""

import random
from collections.abc import Callable
from typing import Any

from lakehouse.contracts.events import SHAPES, EventType
from tests.fuzz import anything, corners
from tests.fuzz.grammar import Grammar
from tests.fuzz.spelling import Number

Event = dict[str, Any]
_TIMES = (
    *("", "2026-11-23", "2026-11-23T10:00:00", "2026-02-30T10:00:00Z", "2026-11-23T24:00:00Z", "0000-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59-23:59", "2026-11-23T10:00:60Z", "1999-12-31T23:59:59.999999Z", "２026-11-23T10:00:00Z"),
)
_TYPES = ("", "order", "order.updated", "Order.Placed", "order.placed ", "page.viewed\n", "é")


def broken(chance: random.Random, grammar: Grammar, event: Event) -> Event:
    chance.choice(_BREAKS)(chance, grammar, event)
    return event


def _without_a_field(chance: random.Random, _: Grammar, event: Event) -> None:
    event["data"].pop(chance.choice(list(event["data"]) or [""]), None)


def _other_known_field(chance: random.Random, _: Grammar, event: Event) -> None:
    """Anything at all in the place of a field that the type knows."""
    shape = SHAPES[EventType(event["type"])]
    event["data"][chance.choice([*shape.required, *shape.optional])] = anything.value(chance)


def _just_outside(chance: random.Random, _: Grammar, event: Event) -> None:
    name = chance.choice(corners.KNOWN_NAMES)
    event["data"][name] = Number(chance.choice(("-1", "10000000000001", "1000001", "0", "5.0", "1e3", "-0")))


def _other_line(chance: random.Random, _: Grammar, event: Event) -> None:
    line = {"product_id": "p", "quantity": 1, "unit_price_minor": 1}
    line[chance.choice(corners.KNOWN_NAMES)] = anything.value(chance, 1)
    event["data"]["items"] = chance.choice(([line], [line, anything.value(chance, 1)], line))


def _other_type(chance: random.Random, _: Grammar, event: Event) -> None:
    """The data of one type under the name of another."""
    event["type"] = chance.choice((*SHAPES, *SHAPES, *_TYPES))


def _mixed(chance: random.Random, grammar: Grammar, event: Event) -> None:
    """All fields of two types: what one knows, the other does not."""
    event["data"] = grammar.data(chance.choice(sorted(SHAPES))) | event["data"]


def _other_attribute(chance: random.Random, _: Grammar, event: Event) -> None:
    event[chance.choice([*event, "subject", "datacontenttype", "xany", "X", ""])] = anything.value(chance, 1)


def _without_an_attribute(chance: random.Random, _: Grammar, event: Event) -> None:
    event.pop(chance.choice(list(event)))


def _other_time(chance: random.Random, _: Grammar, event: Event) -> None:
    event["time"] = chance.choice(_TIMES)


def _other_currency(chance: random.Random, _: Grammar, event: Event) -> None:
    event["data"]["currency"] = chance.choice(("XXX", "XTS", "brl", "", "BRL ", "DEM", None))


def _not_text(chance: random.Random, _: Grammar, event: Event) -> None:
    """NUL and lone surrogates, as a value or as a name, known or not."""
    bad = chance.choice(("\0", "a\0b", "\ud800", "x\udfff"))
    name = chance.choice(corners.KNOWN_NAMES)
    event["data"] |= chance.choice(({name: bad}, {bad: 1}, {"x": {"y": [bad]}}))


def _large(chance: random.Random, _: Grammar, event: Event) -> None:
    """About as large as an event may be."""
    event["data"]["note"] = anything.long_text(chance, 1) * (
        anything.MOST_BYTES - chance.choice((500, 700, 40_000, -1))
    )


_BREAKS: tuple[Callable[[random.Random, Grammar, Event], None], ...] = (
    *(
        _without_a_field,
        _other_known_field,
        _other_known_field,
        _other_known_field,
        _just_outside,
        _other_line,
        _other_type,
    ),
    *(_mixed, _mixed, _other_attribute, _without_an_attribute, _other_time, _other_currency, _not_text, _large),
)


def torn(chance: random.Random, text: bytes) -> bytes:
    """Bytes in which a few are others, or gone, or twice: mostly no JSON any more."""
    place, length = chance.randrange(len(text) + 1), chance.randrange(1, 5)
    other = chance.choice(
        (
            b"",
            b"\xff",
            b"\0",
            b'"',
            b"}",
            b"[",
            b"\\u00",
            b"\\ud800",
            b",",
            b":1",
            b"1e999",
            text[place : place + 40] * 2,
        )
    )
    return text[:place] + other + text[place + length :]


def with_a_key_twice(chance: random.Random, text: bytes) -> bytes:
    """The same key again at the front of some object, perhaps in another spelling."""
    places = [place for place in range(len(text)) if text[place : place + 1] == b"{"]
    start = chance.choice(places) + 1 if places else 0
    name = chance.choice(corners.KNOWN_NAMES).encode()
    return text[:start] + b'"' + chance.choice((name, b"\\u%04x" % name[0] + name[1:])) + b'":1,' + text[start:]
