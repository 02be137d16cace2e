"""Unknown fields are kept, whatever they hold; and nothing about one event is ever anything but a reason."""

import json
import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import event_id, event_structs, validate
from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope, ParsedRequest
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import Pseudonyms
from ingestion.rejections import Reason, RejectedError
from ingestion.strict_json import UnreadableError, loads, loads_fast
from lakehouse.contracts.events import ORDER_LINE, PERSONAL_FIELDS, SHAPES
from lakehouse.settings import EdgeSettings
from tests.support.hostile_values import (
    KNOWN_NAMES,
    LINE_NAMES,
    exact,
    scalars,
    spell,
    values,
    with_unknown_fields,
)
from tests.support.valid_events import NOW, encode, events, order

EDGE = EdgeSettings()
PLAIN = Envelope(EDGE, None)
HASHING = Envelope(EDGE, Pseudonyms(b"k" * 32))
SENDER = Sender("shop-1")


def read(body: bytes, reader: Envelope = PLAIN) -> ParsedRequest:
    return reader.read(ContentMode.BATCH, body, [], SENDER, NOW)


def kept(event: Any) -> Any:
    """The data of an event that is accepted, to the last digit."""
    reading = read(b"[" + spell(event) + b"]")
    assert reading.rejections == []
    return exact(reading.events[0].data)


def view(**data: Any) -> dict[str, Any]:
    return order() | {"type": "page.viewed", "data": {"visitor_id": "v", "session_id": "s", **data}}


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
    reading = read(b"[" + spell(event) + b"]", HASHING)
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
        reading = read(b"[" + spell(event) + b"," + encode(order()) + b"]", reader)
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


NUMBERS = [
    *("7" * digits for digits in (20, 300, 301, 4000, 5000)),
    *("-" + "7" * digits for digits in (20, 299, 300, 301, 5000)),
    "1e400",
    "-1e400",
    "1e-400",
    "0.0",
    "-0.0",
    "0e-400",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "1e5",
    "1e22",
    "1.7976931348623157e308",
    "5e-324",
    "3e-324",
    "0." + "0" * 60_000 + "1",
    "0." + "0" * 200 + "1",
    "0.1234567890123456789012345",
    "123456789012345678901.5",
    "0.50000000000000000000000",
    "9" * 299 + ".5",
    "1E+2",
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda text: text[:12] + str(len(text)))
def test_a_number_is_accepted_exactly_as_sent_or_rejected_with_a_reason(number: str) -> None:
    event = encode(view(score="?")).replace(b'"?"', number.encode())
    reading = read(b"[" + event + b"," + encode(order()) + b"]")
    if reading.rejections:
        assert [(one.index, one.reason) for one in reading.rejections] == [(0, Reason.OUT_OF_RANGE)]
        assert len(number.lstrip("-")) > 300 or "e" in number
        assert len(reading.events) == 1
    else:
        assert exact(reading.events[0].data)["score"] == exact(number)
        assert len(number.lstrip("-")) <= 300


@pytest.mark.parametrize("number", ["7" * 300, "-" + "7" * 300, "1e5", "5e-324", "0." + "1" * 298])
def test_what_can_be_carried_is_carried(number: str) -> None:
    assert len(read(b"[" + encode(view(score="?")).replace(b'"?"', number.encode()) + b"]").events) == 1


def outcome(function: Any, text: bytes) -> Any:
    try:
        return function(text)
    except (RejectedError, UnreadableError) as error:
        return type(error), getattr(error, "reason", None)


@given(scalars.map(spell) | st.sampled_from(NUMBERS).map(str.encode))
def test_the_quick_way_takes_no_number_that_the_careful_one_does_not(number: bytes) -> None:
    for text in (number, b"[" + number + b"]", b'{"a":[' + number + b"]}"):
        assert repr(outcome(loads_fast, text)) == repr(outcome(loads, text))


class BoomError(Exception):
    """What nobody has thought of."""


def boom(*_: Any, **__: Any) -> Any:
    raise BoomError


def test_a_failure_in_the_fast_way_is_the_careful_ways_case(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = read(encode([order(), view()]))
    monkeypatch.setattr(event_structs, "TRAITS", {})
    with caplog.at_level(logging.ERROR):
        assert read(encode([order(), view()])) == expected
    assert "KeyError" in caplog.text


def test_a_failure_while_one_event_is_judged_is_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def check_but_one(event: Any, max_depth: int) -> Any:
        return boom() if event["id"] == "cursed" else validate.check(event, max_depth)

    monkeypatch.setattr("ingestion.envelope.check", check_but_one)
    body = encode([order() | {"xslow": 1}, order() | {"id": "cursed", "xslow": 1}, order()])
    with caplog.at_level(logging.ERROR):
        reading = read(body)
    assert len(reading.events) == 2
    assert [(one.index, one.id, one.reason) for one in reading.rejections] == [(1, "cursed", Reason.INTERNAL_ERROR)]
    assert "BoomError" in caplog.text


def test_a_failure_in_binary_mode_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = [(b"ce-id", b"e1"), (b"ce-specversion", b"1.0")]
    monkeypatch.setattr("ingestion.strict_json.loads_fast", boom)
    rejection = PLAIN.read(ContentMode.BINARY, b"{}", headers, SENDER, NOW).rejections[0]
    assert (rejection.id, rejection.reason) == ("e1", Reason.INTERNAL_ERROR)


def test_a_failure_while_the_id_is_looked_for_is_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_id, "_decode", boom)
    rejection = read(encode([order(currency=None), order()])).rejections[0]
    assert (rejection.id, rejection.reason) == (None, Reason.MISSING_FIELD)


def test_the_ids_of_events_that_the_fast_decoder_does_not_take_are_seen() -> None:
    deep = b'{"id":"deep","x":' + b"[" * 5000 + b"]" * 5000 + b"}"
    surrogate = json.dumps(order(note="\ud800") | {"id": "sur\ud800"}).encode()
    large = encode(view(score="?")).replace(b'"?"', b"7" * 5000)
    twice = b'{"id":"a","id":"b"}'
    reading = read(b"[" + b",".join([deep, surrogate, large, twice]) + b"]")
    assert [one.id for one in reading.rejections] == ["deep", "sur?", "e1", "b"]
    assert msgspec.json.encode([one.id for one in reading.rejections])


@pytest.mark.parametrize("length", [64, 65, 255, 256, 257, 5000])
def test_the_id_of_a_rejected_event_is_the_one_that_was_sent(length: int) -> None:
    sent = ("é\0" * length)[: length - 1] + "z"
    rejection = read(encode([order(currency=None) | {"id": sent}], ascii_only=True)).rejections[0]
    assert rejection.id == sent[:256].replace("\0", "?")


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
    assert read(encode([with_nulls]), HASHING) == read(encode([event]), HASHING)


def test_an_unknown_field_that_is_null_is_kept() -> None:
    assert kept(view(order_id=None, newer=None)) == view(order_id=None, newer=None)["data"]
    lines = [{"product_id": "p", "quantity": 1, "unit_price_minor": 5, "tax_minor": None, "amount_minor": None}]
    event = order()
    event["data"]["items"] = lines
    assert kept(event)["items"] == [{name: value for name, value in lines[0].items() if name != "amount_minor"}]
