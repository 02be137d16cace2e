"""An event that the contract does not allow gets a reason that names the field, and one at its edge is taken."""

import json
from typing import Any

import pytest

from ingestion.rejections import Reason
from tests.support.envelopes import only, rejection
from tests.support.valid_events import encode, order


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
