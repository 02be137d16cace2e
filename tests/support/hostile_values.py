"""Hypothesis strategies for what contract 1 leaves open: any JSON, under any name, at every level of an event."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from lakehouse.contracts.events import ORDER_LINE, REFUND_LINE, SHAPES, DataShape
from tests.support.valid_events import texts

LINE_NAMES = {"amount_minor", "unit_price_minor"}
KNOWN_NAMES = sorted(
    {name for shape in (*SHAPES.values(), ORDER_LINE, REFUND_LINE) for name in shape.required | shape.optional}
    | LINE_NAMES
)
"""Every name that some type knows."""


class Literal(str):
    """A number as it is spelled: Python's own writer would round it."""


def _digits(most: int) -> st.SearchStrategy[str]:
    return st.integers(1, most).flatmap(lambda count: st.integers(10 ** (count - 1), 10**count - 1)).map(str)


integers = st.tuples(st.sampled_from(["", "-"]), _digits(300)).map(lambda parts: Literal("".join(parts)))
floats = st.tuples(
    st.sampled_from(["", "-"]), _digits(18), _digits(25), st.sampled_from(["", "e5", "E-7", "e+200", "e-290"])
).map(lambda parts: Literal(f"{parts[0]}{parts[1]}.{parts[2]}{parts[3]}"))
"""No double holds all of them: the digits have to be kept."""
scalars = (
    st.none()
    | st.booleans()
    | st.just("")
    | texts
    | st.sampled_from(["19.99", "\u003a", "\\u0000", "p_", "DEM", "data"])
    | integers
    | floats
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
)
names = st.sampled_from(KNOWN_NAMES) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
"""Shallow enough for a line of an order."""


def unknown_to(shape: DataShape, *more: str) -> st.SearchStrategy[dict[str, Any]]:
    """Fields that an object of this shape does not have, most under names that other types have."""
    known = shape.required.keys() | shape.optional.keys() | set(more)
    return st.dictionaries(names.filter(lambda name: name not in known), values, max_size=3)


@st.composite
def with_unknown_fields(draw: st.DrawFn, event: dict[str, Any]) -> dict[str, Any]:
    """The event with anything at all beside what its type knows: in ``data``, and in its lines."""
    shape = SHAPES[event["type"]]
    data = dict(event["data"])
    if "items" in shape.required | shape.optional and "items" in data:
        line = ORDER_LINE if "items" in shape.required else REFUND_LINE
        data["items"] = [draw(unknown_to(line, *LINE_NAMES)) | entry for entry in data["items"]]
    return event | {"data": draw(unknown_to(shape)) | data}


def spell(value: Any) -> bytes:
    """JSON, with each :class:`Literal` as it is spelled."""
    if isinstance(value, Literal):
        return value.encode()
    if isinstance(value, dict):
        return b"{" + b",".join(json.dumps(name).encode() + b":" + spell(one) for name, one in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(spell, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode()


def exact(text: bytes | str) -> Any:
    """The value of JSON, its numbers to the last digit."""
    return json.loads(text, parse_float=Decimal)
