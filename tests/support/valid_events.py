"""Hypothesis strategies for everything that contract 1 allows, made from the table of types."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.events import MAX_MONEY, MAX_QUANTITY, ORDER_LINE, REFUND_LINE, SHAPES, DataShape, Kind

NOW = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 1_000_000

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
money = st.integers(0, MAX_MONEY)
currencies = st.sampled_from(sorted(EXPONENTS))


def lines(shape: DataShape, priced: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    line = data_of(shape)
    if priced:
        prices = st.one_of(
            st.fixed_dictionaries({"unit_price_minor": money}, optional={"amount_minor": money}),
            st.fixed_dictionaries({"amount_minor": money}),
        )
        line = st.tuples(line, prices).map(lambda parts: parts[0] | parts[1])
    return st.lists(line, max_size=4)


def value_of(kind: Kind) -> st.SearchStrategy[Any]:
    return {
        Kind.TEXT: texts,
        Kind.MONEY: money,
        Kind.QUANTITY: st.integers(1, MAX_QUANTITY),
        Kind.CURRENCY: currencies,
        Kind.MILLISECONDS: st.integers(0, 10**6),
        Kind.ORDER_LINES: lines_of[Kind.ORDER_LINES],
        Kind.REFUND_LINES: lines_of[Kind.REFUND_LINES],
    }[kind]


def data_of(shape: DataShape) -> st.SearchStrategy[dict[str, Any]]:
    required = {name: value_of(kind) for name, kind in shape.required.items()}
    optional = {name: value_of(kind) for name, kind in shape.optional.items()}
    return st.fixed_dictionaries(required, optional=optional).map(lambda data: without_orphans(shape, data))


def without_orphans(shape: DataShape, data: dict[str, Any]) -> dict[str, Any]:
    """Takes away what came without the field that it needs, and parts that exceed their whole."""
    orphans = [name for name, needed in shape.needs.items() if name in data and needed not in data]
    if not orphans:
        over = sum(data.get(name, 0) for name in shape.parts) > data.get("amount_minor", 0)
        return {name: value for name, value in data.items() if not (over and name in shape.parts)}
    return without_orphans(shape, {name: value for name, value in data.items() if name not in orphans})


lines_of: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.ORDER_LINES: st.deferred(lambda: lines(ORDER_LINE, priced=True)),
    Kind.REFUND_LINES: st.deferred(lambda: lines(REFUND_LINE, priced=False)),
}

offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(2000, 1, 2), datetime(2026, 11, 22), timezones=offsets)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """A valid event, in the JSON format."""
    event_type = draw(st.sampled_from(sorted(SHAPES)))
    event = {
        "specversion": "1.0",
        "id": draw(texts),
        "source": draw(texts),
        "type": str(event_type),
        "time": draw(instants).isoformat(),
        "data": draw(data_of(SHAPES[event_type])),
    }
    for name in ("subject", "dataschema"):
        if draw(st.booleans()):
            event[name] = draw(texts)
    return event


@st.composite
def rich_events(draw: st.DrawFn) -> dict[str, Any]:
    """The same with extensions, unknown fields and nulls."""
    event = draw(events())
    event |= draw(st.dictionaries(st.from_regex(r"x[a-z0-9]{1,8}", fullmatch=True), texts | st.booleans(), max_size=2))
    unknown = st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | texts
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
        max_leaves=4,
    )
    names = st.from_regex(r"new_[a-z]{1,5}", fullmatch=True)
    event["data"] = event["data"] | draw(st.dictionaries(names, unknown, max_size=2))
    return event


def encode(value: Any, ascii_only: bool = False, spaces: bool = False) -> bytes:
    separators = (", ", ": ") if spaces else (",", ":")
    return json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode()


def order(**changes: Any) -> dict[str, Any]:
    """A plain order; ``data`` fields by keyword, None to leave one out."""
    data: dict[str, Any] = {
        "order_id": "o1",
        "currency": "BRL",
        "items": [{"product_id": "p1", "quantity": 2, "unit_price_minor": 1999}],
    }
    data = {name: value for name, value in (data | changes).items() if value is not None}
    return {
        "specversion": "1.0",
        "id": "e1",
        "source": "/shop",
        "type": "order.placed",
        "time": "2026-11-23T10:00:00Z",
        "data": data,
    }


def view(**data: Any) -> dict[str, Any]:
    return order() | {"type": "page.viewed", "data": {"visitor_id": "v", "session_id": "s", **data}}


def nested(levels: int) -> bytes:
    """An order whose deepest value lies that many levels deep: the event is 1, its data 2."""
    return encode(order(note=[])).replace(b'"note":[]', b'"note":' + b"[" * (levels - 2) + b"]" * (levels - 2))
