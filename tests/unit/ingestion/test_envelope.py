"""The envelope: every valid event comes through unchanged, every invalid one gets a reason, nothing else happens."""

import contextlib
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope, ParsedRequest
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import Pseudonyms
from ingestion.rejections import Reason
from ingestion.strict_json import UnreadableError
from lakehouse.contracts.events import BROWSER_TYPES, PERSONAL_FIELDS
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.settings import EdgeSettings
from tests.support.valid_events import NOW, encode, events, order, rich_events

EDGE = EdgeSettings()
PLAIN = Envelope(EDGE, None)
SENDER = Sender("shop-1")


def read(
    body: bytes, mode: ContentMode = ContentMode.BATCH, headers: Any = (), sender: Sender = SENDER
) -> ParsedRequest:
    return PLAIN.read(mode, body, list(headers), sender, NOW)


def only(event: dict[str, Any]) -> AcceptedEvent:
    reading = read(encode([event]))
    assert reading.rejections == []
    return reading.events[0]


def rejection(event: Any) -> tuple[Reason, str]:
    body = event if isinstance(event, bytes) else encode(event)
    reading = read(b"[" + body + b"]")
    assert reading.events == []
    assert reading.rejections[0].index == 0
    return reading.rejections[0].reason, reading.rejections[0].detail


def micros(text: str) -> int:
    return int(
        (datetime.fromisoformat(text) - datetime.fromisoformat("1970-01-01T00:00:00Z")) / timedelta(microseconds=1)
    )


@given(st.lists(events() | rich_events(), max_size=5), st.booleans(), st.booleans())
def test_a_valid_event_comes_through_unchanged(sent: list[dict[str, Any]], ascii_only: bool, spaces: bool) -> None:
    reading = read(encode(sent, ascii_only, spaces))
    assert reading.rejections == []
    for event, accepted in zip(sent, reading.events, strict=True):
        assert (accepted.id, accepted.source, accepted.type) == (event["id"], event["source"], event["type"])
        assert json.loads(accepted.data) == event["data"]
        assert accepted.time == micros(event["time"])
        assert (accepted.subject, accepted.dataschema) == (event.get("subject"), event.get("dataschema"))
        extensions = {name: value for name, value in event.items() if name.startswith("x")}
        assert (accepted.extensions or {}) == extensions


@given(events(), st.randoms())
def test_equal_content_has_equal_bytes_whatever_way_it_takes(event: dict[str, Any], random: Any) -> None:
    """The careful way (forced by an extension) and another order of keys give the same data."""
    pairs = list(event["data"].items())
    random.shuffle(pairs)
    careful = only(event | {"data": dict(pairs), "xslow": True})
    fast = only(event)
    assert msgspec.structs.replace(careful, extensions=None) == fast


@given(events())
def test_the_three_modes_agree(event: dict[str, Any]) -> None:
    headers = [
        (b"ce-" + name.encode(), quote(value, safe="").encode()) for name, value in event.items() if name != "data"
    ]
    expected = only(event)
    assert read(encode(event), ContentMode.SINGLE).events == [expected]
    assert read(encode(event["data"]), ContentMode.BINARY, headers).events == [expected]
    assert read(encode(event), ContentMode.BEACON).events == [expected]
    assert read(encode([event]), ContentMode.BEACON).events == [expected]


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(events() | rich_events(), st.data())
def test_any_mutation_is_accepted_or_gets_a_reason(event: dict[str, Any], data: st.DataObject) -> None:
    target = data.draw(st.sampled_from([event, event["data"]]))
    name = data.draw(st.sampled_from(sorted(target)))
    if data.draw(st.booleans()):
        del target[name]
    else:
        target[name] = data.draw(_junk)
    body = b"[" + json.dumps(event).encode() + b"]"
    try:
        reading = read(body)
    except UnreadableError:
        with pytest.raises(ValueError, match="constant"):
            json.loads(body, parse_constant=lambda text: (_ for _ in ()).throw(ValueError(f"constant {text}")))
        return
    assert len(reading.events) + len(reading.rejections) == 1


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\u0dD1e.- tfn', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for mode in ContentMode:
        with contextlib.suppress(UnreadableError):
            read(body, mode, [(b"ce-specversion", b"1.0"), (b"ce-id", body[:20])])


@settings(max_examples=30)
@given(st.lists(events(), min_size=1, max_size=3), st.data())
def test_a_truncated_batch_is_unreadable(sent: list[dict[str, Any]], data: st.DataObject) -> None:
    body = encode(sent)
    with pytest.raises(UnreadableError):
        read(body[: data.draw(st.integers(0, len(body) - 1))])


def cancelled(**data: Any) -> dict[str, Any]:
    return order() | {"type": "order.cancelled", "data": {"order_id": "o-1", **data}}


@pytest.mark.parametrize(
    ("event", "reason", "detail"),
    [
        (order(currency=None), Reason.MISSING_FIELD, "data.currency"),
        (order(currency="usd"), Reason.UNKNOWN_CURRENCY, "data.currency"),
        (order(currency="XXX"), Reason.UNKNOWN_CURRENCY, "data.currency"),
        (order(currency="XTS"), Reason.UNKNOWN_CURRENCY, "data.currency"),
        (order(shipping_minor=5.0), Reason.WRONG_TYPE, "data.shipping_minor"),
        (order(shipping_minor=True), Reason.WRONG_TYPE, "data.shipping_minor"),
        (order(shipping_minor="5"), Reason.WRONG_TYPE, "data.shipping_minor"),
        (order(shipping_minor=-1), Reason.OUT_OF_RANGE, "data.shipping_minor"),
        (order(shipping_minor=10**13 + 1), Reason.OUT_OF_RANGE, "data.shipping_minor"),
        (order(shipping_minor=10**40), Reason.OUT_OF_RANGE, "data.shipping_minor"),
        (order(items=[{"product_id": "p", "quantity": 1}]), Reason.MISSING_FIELD, "data.items[0].unit_price_minor"),
        (
            order(items=[{"product_id": "p", "quantity": 0, "amount_minor": 1}]),
            Reason.OUT_OF_RANGE,
            "data.items[0].quantity",
        ),
        (
            order(items=[{"product_id": "p", "quantity": 10**6 + 1, "amount_minor": 1}]),
            Reason.OUT_OF_RANGE,
            "data.items[0].quantity",
        ),
        (order(items={}), Reason.WRONG_TYPE, "data.items"),
        (order(order_id=""), Reason.EMPTY_FIELD, "data.order_id"),
        (cancelled(amount_minor=100), Reason.MISSING_FIELD, "data.currency"),
        (
            cancelled(currency="BRL", amount_minor=5, tax_minor=3, shipping_minor=3),
            Reason.OUT_OF_RANGE,
            "data.amount_minor",
        ),
        (cancelled(currency="BRL", tax_minor=1), Reason.MISSING_FIELD, "data.amount_minor"),
        (order() | {"type": "order.exploded"}, Reason.UNKNOWN_TYPE, "type"),
        (order() | {"time": "2026-11-23T10:00:00"}, Reason.BAD_TIME, "time"),
        (order() | {"time": "2026-11-23T13:00:01Z"}, Reason.TIME_OUT_OF_RANGE, "time"),
        (order() | {"time": "1999-12-31T23:59:59Z"}, Reason.TIME_OUT_OF_RANGE, "time"),
        (order() | {"specversion": "0.3"}, Reason.BAD_SPECVERSION, "specversion"),
        (order() | {"specversion": 1.0}, Reason.BAD_SPECVERSION, "specversion"),
        (order() | {"id": "x" * 257}, Reason.TOO_LONG, "id"),
        (order() | {"source": "é" * 1025}, Reason.TOO_LONG, "source"),
        (order() | {"data": "{}"}, Reason.WRONG_TYPE, "data"),
        (order() | {"data_base64": "e30="}, Reason.BINARY_DATA, "data_base64"),
        (order() | {"datacontenttype": "application/xml"}, Reason.NOT_JSON_DATA, "datacontenttype"),
        (order() | {"Bad-Name": "x"}, Reason.BAD_ATTRIBUTE, "Bad-Name"),
        (order() | {"traceparent": {}}, Reason.WRONG_TYPE, "traceparent"),
        (order() | {"sequence": 2**31}, Reason.OUT_OF_RANGE, "sequence"),
        (order(note="a\0b"), Reason.NUL_CHARACTER, "a?b"),
        (order(note="\ud800"), Reason.LONE_SURROGATE, "?"),
        ("text", Reason.WRONG_TYPE, "event"),
        (None, Reason.WRONG_TYPE, "event"),
    ],
)
def test_the_reason_names_the_field(event: Any, reason: Reason, detail: str) -> None:
    body = json.dumps(event).encode()
    assert rejection(body) == (reason, detail)


@pytest.mark.parametrize(
    "event",
    [
        order() | {"id": "é" * 256, "source": "x" * 1024},
        order() | {"time": "2026-11-23T13:00:00Z"},
        order() | {"time": "2000-01-01T00:00:00Z"},
        order() | {"datacontenttype": "application/json; charset=UTF-8"},
        order() | {"datacontenttype": "application/vnd.shop+json", "subject": None},
        order(shipping_minor=10**13, discount_minor=0),
        order(items=[]),
    ],
)
def test_the_edges_of_what_is_allowed(event: dict[str, Any]) -> None:
    only(event)


def test_a_key_that_comes_twice_is_refused_however_it_is_spelled() -> None:
    plain = encode(order())
    twice = plain.replace(b'"order_id":"o1"', b'"order_id":"o1","order_id":"o2"')
    assert rejection(twice) == (Reason.DUPLICATE_KEY, "order_id")
    escaped = plain.replace(b'"order_id":"o1"', b'"order_id":"o1","order\\u005fid":"o2"')
    assert rejection(escaped) == (Reason.DUPLICATE_KEY, "order_id")
    hidden = plain.replace(b'"order_id":"o1"', b'"order_id":"o1","order_id":"\\u003a"')
    assert rejection(hidden) == (Reason.DUPLICATE_KEY, "order_id")
    assert rejection(plain.replace(b'"id":"e1"', b'"id":"e1","id":"e1"')) == (Reason.DUPLICATE_KEY, "id")


def test_colons_and_escapes_in_texts_are_no_duplicates() -> None:
    assert json.loads(only(order(note="a:b::\u003a \\u003a \\u0000")).data)["note"] == "a:b::\u003a \\u003a \\u0000"


def nested(levels: int) -> bytes:
    """An order whose deepest value lies that many levels deep: the event is 1, its data 2."""
    return encode(order(note=[])).replace(b'"note":[]', b'"note":' + b"[" * (levels - 2) + b"]" * (levels - 2))


def test_depth_ends_at_32() -> None:
    assert len(read(b"[" + nested(32) + b"]").events) == 1
    assert rejection(nested(33)) == (Reason.TOO_DEEP, "event")


@pytest.mark.parametrize("levels", [33, 2_000, 200_000])
def test_depth_costs_only_its_own_event(levels: int) -> None:
    edge = Envelope(EDGE.model_copy(update={"max_event_bytes": 1 << 20}), None)
    reading = edge.read(ContentMode.BATCH, b"[" + nested(levels) + b"," + encode(order()) + b"]", [], SENDER, NOW)
    assert [(one.index, one.reason) for one in reading.rejections] == [(0, Reason.TOO_DEEP)]
    assert len(reading.events) == 1


def test_many_brackets_in_a_text_are_no_depth() -> None:
    only(order(note='[{"' * 100))


def test_a_large_event_is_refused_in_its_place_and_alone_with_413() -> None:
    large = order(note="x" * (64 << 10))
    reading = read(encode([order(), large, order()]))
    assert [(one.index, one.reason) for one in reading.rejections] == [(1, Reason.TOO_LARGE)]
    assert len(reading.events) == 2
    for mode in (ContentMode.SINGLE, ContentMode.BEACON, ContentMode.BINARY):
        with pytest.raises(ProblemError) as problem:
            read(encode(large), mode)
        assert problem.value.kind is Kind.TOO_LARGE


def test_a_batch_has_at_most_a_thousand_events() -> None:
    body = encode(order())
    assert len(read(b"[" + b",".join([body] * 1000) + b"]").events) == 1000
    with pytest.raises(ProblemError) as problem:
        read(b"[" + b",".join([body] * 1001) + b"]")
    assert problem.value.kind is Kind.TOO_LARGE


@pytest.mark.parametrize(
    ("mode", "body"),
    [
        (ContentMode.BATCH, b"{}"),
        (ContentMode.BATCH, b""),
        (ContentMode.BATCH, b"[1,]"),
        (ContentMode.BATCH, b"[NaN]"),
        (ContentMode.BATCH, b"[{}]]"),
        (ContentMode.BATCH, b'["\xff"]'),
        (ContentMode.BATCH, b'["\xed\xa0\x80"]'),
        (ContentMode.SINGLE, b"[]"),
        (ContentMode.SINGLE, b"nope"),
        (ContentMode.BEACON, b"hello"),
        (ContentMode.BINARY, b"{"),
    ],
)
def test_what_is_no_json_of_its_kind_is_unreadable(mode: ContentMode, body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(body, mode)


def test_an_empty_batch_is_read() -> None:
    assert read(b" [ ] ") == ParsedRequest([], [])


def test_binary_headers_are_decoded_once() -> None:
    headers = [
        (b"ce-specversion", b"1.0"),
        (b"ce-id", b'"a \\"b\\""'),
        (b"ce-source", b"/caf%C3%A9%2520"),
        (b"ce-type", b"checkout.started"),
        (b"ce-time", b"2026-11-23T10:00:00Z"),
        (b"ce-tracestate", b"%E2%82%AC"),
    ]
    event = read(b'{"visitor_id":"v","session_id":"s"}', ContentMode.BINARY, headers).events[0]
    assert (event.id, event.source, event.extensions) == ('a "b"', "/café%20", {"tracestate": "€"})
    twice = read(b"{}", ContentMode.BINARY, [*headers, (b"ce-id", b"b")]).rejections[0]
    assert (twice.reason, twice.detail) == (Reason.DUPLICATE_KEY, "id")
    broken = read(b"{}", ContentMode.BINARY, [*headers[1:], (b"ce-specversion", b"%FF")]).rejections[0]
    assert (broken.reason, broken.detail) == (Reason.BAD_ATTRIBUTE, "specversion")
    assert json.loads(broken.body) == {"data": {}}


def test_a_browser_may_send_three_types() -> None:
    browser = Sender("shop-1", frozenset(str(name) for name in BROWSER_TYPES))
    view = order() | {"type": "page.viewed", "data": {"visitor_id": "v", "session_id": "s"}}
    reading = read(encode([view, order()]), sender=browser)
    assert [event.type for event in reading.events] == ["page.viewed"]
    assert [(one.index, one.reason) for one in reading.rejections] == [(1, Reason.FORBIDDEN_TYPE)]


def test_only_an_operator_may_replay() -> None:
    event = order() | {"replayof": "edge-1/abc-0/7"}
    assert only(event).extensions == {"replayof": "edge-1/abc-0/7"}
    accepted = read(encode([event]), sender=Sender("shop-1", None, may_replay=True)).events[0]
    assert (accepted.replay_of, accepted.extensions) == ("edge-1/abc-0/7", None)


@given(rich_events() | events(), st.booleans())
def test_no_personal_id_is_left(event: dict[str, Any], nested_too: bool) -> None:
    for name in PERSONAL_FIELDS:
        event["data"][name] = f"secret-{name}"
    if nested_too:
        event["data"]["new_list"] = [{"customer_id": "secret"}, {"deep": {"visitor_id": 42}}]
    envelope = Envelope(EDGE, Pseudonyms(b"k" * 32))
    accepted = envelope.read(ContentMode.BATCH, encode([event]), [], SENDER, NOW).events[0]
    assert "secret" not in accepted.data
    assert json.loads(accepted.data)["customer_id"].startswith("p_")
    if nested_too:
        assert json.loads(accepted.data)["new_list"][1]["deep"]["visitor_id"].startswith("p_")
