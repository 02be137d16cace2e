"""Unknown fields are kept, whatever they hold, and null in a known one is as good as its absence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.content_headers import ContentMode
from ingestion.rejections import Reason
from lakehouse.contracts.events import ORDER_LINE, PERSONAL_FIELDS, SHAPES
from tests.support.envelopes import HASHING, PLAIN, SENDER, read
from tests.support.hostile_values import KNOWN_NAMES, LINE_NAMES, exact, scalars, spell, values, with_unknown_fields
from tests.support.valid_events import NOW, encode, events, order, view


def kept(event: Any) -> Any:
    """The data of an event that is accepted, to the last digit."""
    reading = read(b"[" + spell(event) + b"]")
    assert reading.rejections == []
    return exact(reading.events[0].data)


def cart(**data: Any) -> dict[str, Any]:
    known = {"product_id": "p", "quantity": 1, "unit_price_minor": 5, "currency": "BRL"}
    return view(**known, **data) | {"type": "cart.item_added"}


@pytest.mark.parametrize("name", ["n" * 32_768, "\u00e9" * 16_384, "\U0001f600" * 8_192], ids=["ascii", "2", "4 bytes"])
def test_a_name_is_as_long_as_later_stations_read(name: str) -> None:
    """Spark and Trino refuse to read JSON with names of more than 50,000 bytes: then a whole record, or every cycle."""
    reading = read(json.dumps([view(**{name: 1})], ensure_ascii=False).encode())
    assert json.loads(reading.events[0].data)[name] == 1
    for event in (view(**{name + "n": 1}), view(deep=[{name + "n": {}}]), order(items=[{name + "n": 1}])):
        text = json.dumps([event], ensure_ascii=False).encode()
        for spelled in (text, text.replace(b'n":', b'\\u006e":')):
            (rejection,) = read(spelled).rejections
            assert rejection.reason == Reason.TOO_LONG


def test_the_name_of_an_extension_is_bounded() -> None:
    assert read(b"[" + spell(view() | {"x" * 256: True}) + b"]").rejections == []
    (rejection,) = read(b"[" + spell(view() | {"x" * 257: True}) + b"]").rejections
    assert rejection.reason == Reason.BAD_ATTRIBUTE


@pytest.mark.parametrize("event", [view(amount_minor="19.99"), cart(amount_minor="19.99"), order(amount_minor="19.99")])
def test_a_price_that_the_type_does_not_know_is_kept(event: dict[str, Any]) -> None:
    assert kept(event) == event["data"]


def test_a_price_that_the_line_knows_is_judged() -> None:
    lines = [{"product_id": "p", "quantity": 1, "unit_price_minor": 5, "amount_minor": "19.99"}]
    rejection = read(encode([order(items=lines)])).rejections[0]
    assert (rejection.reason, rejection.detail) == (Reason.WRONG_TYPE, "data.items[0].amount_minor")


@pytest.mark.parametrize("name", KNOWN_NAMES)
@pytest.mark.parametrize("value", ["", "19.99", None, 5.5, True, [], {"a": [None]}, 10**40])
def test_a_known_name_where_it_is_unknown_holds_anything(name: str, value: Any) -> None:
    for event_type, shape in SHAPES.items():
        if name not in shape.required | shape.optional:
            event = {"page.viewed": view(), "cart.item_added": cart(), "order.placed": order()}.get(event_type)
            if event is not None:
                event["data"][name] = value
                assert kept(event) == event["data"]


@given(events().flatmap(with_unknown_fields))
def test_whatever_an_unknown_field_holds_it_is_kept(event: dict[str, Any]) -> None:
    """And the way that the event took does not show: an extension forces the careful one."""
    sent = exact(spell(event["data"]))
    assert kept(event) == sent
    assert kept(event | {"xslow": True}) == sent


def without_personal_ids(value: Any) -> Any:
    if isinstance(value, dict):
        hidden = {name for name in PERSONAL_FIELDS if value.get(name) is not None}
        return {name: "hidden" if name in hidden else without_personal_ids(one) for name, one in value.items()}
    return [without_personal_ids(one) for one in value] if isinstance(value, list) else value


@given(events().flatmap(with_unknown_fields))
def test_nothing_but_personal_ids_is_replaced(event: dict[str, Any]) -> None:
    reading = read(b"[" + spell(event) + b"]", reader=HASHING)
    assert reading.rejections == []
    accepted = exact(reading.events[0].data)
    assert without_personal_ids(accepted) == without_personal_ids(exact(spell(event["data"])))


@given(events().flatmap(with_unknown_fields), st.data())
def test_anything_in_the_place_of_anything_is_accepted_or_gets_a_reason(
    event: dict[str, Any], data: st.DataObject
) -> None:
    """In known fields too, and among the attributes: no third outcome, in either mode."""
    lines = event["data"].get("items", []) if event["type"] in ("order.placed", "refund.issued") else []
    target = data.draw(st.sampled_from([event, event["data"], *lines]))
    name = data.draw(st.sampled_from([*target, "xnew", "data_base64", *KNOWN_NAMES]))
    target[name] = data.draw(values)
    for reader in (PLAIN, HASHING):
        reading = read(b"[" + spell(event) + b"," + encode(order()) + b"]", reader=reader)
        assert len(reading.events) + len(reading.rejections) == 2
        assert all(one.index == 0 and one.reason is not Reason.INTERNAL_ERROR for one in reading.rejections)
    headers = [
        (b"ce-" + key.encode(), str(one).encode("latin-1", "replace")) for key, one in event.items() if key != "data"
    ]
    alone = PLAIN.read(ContentMode.BINARY, spell(event["data"]), headers, SENDER, NOW)
    assert len(alone.events) + len(alone.rejections) == 1


@st.composite
def wrapped(draw: st.DrawFn, levels: int) -> Any:
    """A value under so many levels of arrays and objects, with known names among its keys."""
    value: Any = draw(scalars)
    for name in draw(st.lists(st.none() | st.sampled_from(KNOWN_NAMES), min_size=levels, max_size=levels)):
        value = [value] if name is None else {name: value}
    return value


@given(st.integers(27, 33), st.booleans(), st.sampled_from(["url", "amount_minor", "items", "newer"]), st.data())
def test_unknown_fields_may_be_as_deep_as_an_event(
    levels: int, in_a_line: bool, name: str, data: st.DataObject
) -> None:
    """The event is level 1, its data 2, a line of an order 4."""
    if in_a_line:
        line = {"product_id": "p", "quantity": 1, "unit_price_minor": 5}
        unknown = "newer" if name == "amount_minor" else name
        event = order(items=[line | {unknown: data.draw(wrapped(levels - 4))}])
    else:
        event = order(**{"newer" if name == "items" else name: data.draw(wrapped(levels - 2))} | {"note": 1})
    text = spell(event)
    reading = read(b"[" + text + b"," + encode(order()) + b"]")
    if levels <= 32:
        assert exact(reading.events[0].data) == exact(spell(event["data"]))
    else:
        assert [(one.index, one.reason) for one in reading.rejections] == [(0, Reason.TOO_DEEP)]
    assert len(reading.events) == (2 if levels <= 32 else 1)


def absent(shape_names: Any, data: dict[str, Any]) -> list[str]:
    return [name for name in shape_names if name not in data]


@given(events(), st.data())
def test_an_optional_field_that_is_null_is_absent(event: dict[str, Any], draw: st.DataObject) -> None:
    """Sent again with nulls, an event is the same to the byte: a duplicate, not a conflict."""
    shape = SHAPES[event["type"]]
    with_nulls = json.loads(json.dumps(event))
    places = [(with_nulls["data"], absent(shape.optional, event["data"]))]
    if event["type"] == "order.placed":
        names = [*ORDER_LINE.optional, *LINE_NAMES]
        places += [(line, absent(names, line)) for line in with_nulls["data"]["items"]]
    places.append((with_nulls, absent(["subject", "dataschema", "datacontenttype", "data_base64", "xnew"], event)))
    for target, names in places:
        target |= dict.fromkeys(draw.draw(st.sets(st.sampled_from(names)) if names else st.just(set())))
    assert read(encode([with_nulls])) == read(encode([event]))
    assert read(encode([with_nulls]), reader=HASHING) == read(encode([event]), reader=HASHING)


def test_an_unknown_field_that_is_null_is_kept() -> None:
    assert kept(view(order_id=None, newer=None)) == view(order_id=None, newer=None)["data"]
    lines = [{"product_id": "p", "quantity": 1, "unit_price_minor": 5, "tax_minor": None, "amount_minor": None}]
    event = order()
    event["data"]["items"] = lines
    assert kept(event)["items"] == [{name: value for name, value in lines[0].items() if name != "amount_minor"}]
