"""The events of one round: what shops send, right and wrong.

In: a source of chance. Out: events in CloudEvents' JSON format, as values. Many come again, as copies and as conflicts,
and orders come again by their keys. Nothing here decides what is taken: the edge does.
"""

import base64
import copy
import random
from typing import Any

from ingestion.event_structs import MAX_ID, MAX_SOURCE
from lakehouse.contracts.events import SHAPES, EventType
from tests.fuzz import anything, breaks, corners, moments, spelling
from tests.fuzz.grammar import BUSINESS_KEYS, Grammar

TYPES = sorted(SHAPES)
SALES = (EventType.ORDER_PLACED, EventType.ORDER_PLACED, EventType.ORDER_CANCELLED, EventType.REFUND_ISSUED)
_IDS = ("1", "a", "A", "a ", " a", "é", "e\u0301", "it's", "\U0001f600", '"', "\\", "\u0001", "%", "null")
_SOURCES = ("/shop", "/shop", "/shop", "/Shop", "/shop ", "urn:x:é", "it's")


class Shop:
    """Sends events for ever."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._grammar = Grammar(chance)
        self._days = moments.Days(chance)
        self._sent: list[tuple[dict[str, Any], int]] = []
        self._count = 0

    def event(self) -> dict[str, Any]:
        kind = self._chance.random()
        if kind < 0.25 and self._sent:
            event, instant = copy.deepcopy(self._chance.choice(self._sent[-300:]))
            return self._under_its_key(event, instant) if kind < 0.13 else self._again(event)
        event = self._fresh(self._chance.choice(SALES if self._chance.random() < 0.6 else TYPES), self._days.instant())
        return breaks.broken(self._chance, self._grammar, copy.deepcopy(event)) if kind > 0.8 else event

    def _again(self, event: dict[str, Any]) -> dict[str, Any]:
        """A copy, or a conflict: something else under an identity that is taken."""
        if self._chance.random() < 0.5:
            other, _ = self._chance.choice(self._sent)
            for name in self._chance.choice((("data", "type"), ("time",), ("data", "type", "time"))):
                event[name] = copy.deepcopy(other[name])
        return event

    def _under_its_key(self, event: dict[str, Any], instant: int) -> dict[str, Any]:
        """The same order or refund in another event, about 35 days away; or the order's cancellation."""
        event_type = self._chance.choice(
            (EventType(event["type"]), EventType(event["type"]), EventType.ORDER_CANCELLED)
        )
        other = self._fresh(event_type, self._days.repeat_of(instant))
        other["data"] |= {
            name: event["data"][name] for name in BUSINESS_KEYS if name in event["data"] and name in other["data"]
        }
        return other

    def _fresh(self, event_type: EventType, instant: int) -> dict[str, Any]:
        event = {
            "specversion": "1.0",
            "id": self._id(),
            "source": self._source(),
            "type": str(event_type),
            "time": moments.spelled(instant, self._chance),
            "data": self._grammar.data(event_type),
        }
        self._sent.append((event | self._attributes(), instant))
        return copy.deepcopy(self._sent[-1][0])

    def _id(self) -> str:
        self._count += 1
        if self._chance.random() < 0.85:
            return f"e{self._count}"
        longest = anything.long_text(self._chance, self._chance.choice((MAX_ID, MAX_ID, MAX_ID + 1)))
        return self._chance.choice((*_IDS, *_IDS, longest))

    def _source(self) -> str:
        if self._chance.random() < 0.98:
            return self._chance.choice(_SOURCES)
        return anything.long_text(self._chance, self._chance.choice((MAX_SOURCE, MAX_SOURCE + 1)))

    def _attributes(self) -> dict[str, Any]:
        """What CloudEvents allows besides: most events have none."""
        if self._chance.random() < 0.6:
            return {}
        extension: Any = self._chance.choice((True, False, 0, -(2**31), 2**31 - 1, "", *corners.TEXTS))
        choices: list[dict[str, Any]] = [
            {"subject": anything.text(self._chance)},
            {"dataschema": anything.text(self._chance)},
            {"datacontenttype": self._chance.choice(("application/json", "text/JSON; charset=UTF-8", "a/b+json"))},
            {self._extension_name(): extension},
            {f"x{number}": extension for number in range(self._chance.choice((2, 30, 500)))},
            {"replayof": "edge-1/s/3", "traceparent": "00-x", "x1": extension},
            {"subject": None, "dataschema": None, "xnull": None, "data_base64": None},
        ]
        return self._chance.choice(choices) | self._chance.choice(choices)

    def _extension_name(self) -> str:
        """The names of columns and of our records' own fields, too."""
        names = (
            "seq",
            "edge",
            "segment",
            "kind",
            "merchantid",
            "events",
            "first",
            "key",
            "0",
            "x" * 256,
            "x" * 257,
            "x" * 50_001,
        )
        return self._chance.choice(names)


def in_base64(event: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same event with its data in base64, as the JSON format allows."""
    data = spelling.odd(event.get("data"), chance)
    rest = {name: value for name, value in event.items() if name not in ("data", "data_base64")}
    return rest | {"data_base64": base64.b64encode(data).decode()}
