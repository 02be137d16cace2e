"""What contract 1 leaves open: any JSON, under any name.

In: a source of chance. Out: names and values for fields that a type does not know. The edge decides what it takes.
"""

import random
from typing import Any

from lakehouse.settings import EdgeSettings
from tests.fuzz.corners import BEYOND, COLUMNS, KNOWN_NAMES, NUMBERS, ODD_NAMES, TEXTS
from tests.fuzz.spelling import Number

MOST_BYTES, MOST_DEPTH = EdgeSettings().max_event_bytes, EdgeSettings().max_json_depth
_PLANES = ((0x20, 0x7E), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF), (0x1, 0x1F))


def text(chance: random.Random, most: int = 20) -> str:
    """Text of at least one character, of any plane."""
    low, high = chance.choice(_PLANES)
    return "".join(chr(chance.randint(low, high)) for _ in range(chance.randint(1, most)))


def long_text(chance: random.Random, length: int) -> str:
    part = text(chance, 30)
    return (part * (length // len(part) + 1))[:length]


def name(chance: random.Random) -> str:
    """Most are names that another type knows: those are what a careless reader takes for its own."""
    kind = chance.random()
    if kind < 0.6:
        return chance.choice(KNOWN_NAMES)
    if kind < 0.75:
        return chance.choice((str.upper, str.title, str.swapcase))(chance.choice(KNOWN_NAMES))
    if kind < 0.85:
        return chance.choice(COLUMNS)
    if kind < 0.97:
        return chance.choice(ODD_NAMES)
    return (
        long_text(chance, chance.choice((1_000, 1_000, 1_000, 8_192, 32_768, 32_769, 50_001)))
        if kind > 0.995
        else text(chance)
    )


def scalar(chance: random.Random) -> Any:
    kind = chance.randrange(6)
    if kind == 0:
        return chance.choice((None, True, False))
    if kind == 1:
        return chance.choice(TEXTS)
    if kind == 2:
        return Number(chance.choice(NUMBERS)) if chance.random() < 0.98 else chance.choice(BEYOND)
    if kind == 3:
        digits = chance.choice((20, 39, 100, 300))
        return Number(
            chance.choice(("", "-")) + str(chance.randrange(1, 10)) + str(chance.random())[2:3] * (digits - 1)
        )
    if kind == 4:
        return chance.randint(-(10**14), 10**14)
    return text(chance)


def value(chance: random.Random, depth: int = 3) -> Any:
    """Any JSON, of at most so many levels."""
    kind = chance.random()
    if depth <= 0 or kind < 0.65:
        return scalar(chance)
    if kind < 0.8:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind < 0.98:
        return {name(chance): value(chance, depth - 1) for _ in range(chance.randrange(4))}
    return tower(chance, chance.choice((1, 10, MOST_DEPTH - 4, MOST_DEPTH - 3, MOST_DEPTH - 2, MOST_DEPTH)))


def tower(chance: random.Random, levels: int) -> Any:
    built = scalar(chance)
    for _ in range(levels):
        built = [built] if chance.random() < 0.5 else {name(chance)[:50]: built}
    return built


def unknown_fields(chance: random.Random, known: object, most: int = 4) -> dict[str, Any]:
    """Fields that an object with the ``known`` names does not have."""
    names = [name(chance) for _ in range(chance.randrange(most + 1))]
    return {one: value(chance) for one in names if one not in known}  # type: ignore[operator]
