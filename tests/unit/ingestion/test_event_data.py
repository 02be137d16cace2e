"""``data_base64``: the same event as with ``data``, under the same rules; and a byte order mark is nothing."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import PseudonymsByDay
from ingestion.rejections import Reason
from lakehouse.settings import EdgeSettings
from tests.support.envelopes import only, read, rejection
from tests.support.hostile_values import exact, spell, with_unknown_fields
from tests.support.valid_events import NOW, encode, events, nested, order, rich_events

BOM = b"\xef\xbb\xbf"


def packed(event: dict[str, Any], data: bytes | None = None, **more: Any) -> dict[str, Any]:
    """The event with its data in base64."""
    content = encode(event["data"]) if data is None else data
    rest = {name: value for name, value in event.items() if name != "data"}
    return rest | {"data_base64": base64.b64encode(content).decode()} | more


@given(events() | rich_events(), st.sampled_from([{}, {"data": None}, {"datacontenttype": "application/json"}]))
def test_data_in_base64_is_the_same_event(event: dict[str, Any], more: dict[str, Any]) -> None:
    hashing = Envelope(EdgeSettings(), PseudonymsByDay({0: b"k" * 32}))
    expected = hashing.read(ContentMode.SINGLE, encode(event), [], Sender("m"), NOW)
    assert hashing.read(ContentMode.SINGLE, encode(packed(event, **more)), [], Sender("m"), NOW) == expected


@given(events().flatmap(with_unknown_fields))
def test_unknown_fields_in_base64_are_kept(event: dict[str, Any]) -> None:
    sent = spell(event["data"])
    assert exact(only(packed(event, sent)).data) == exact(sent)


ORDER = encode(order()["data"])


@pytest.mark.parametrize(
    ("event", "reason", "detail"),
    [
        (packed(order(), data=b"x") | {"data": {}}, Reason.BINARY_DATA, "data_base64"),
        (packed(order()) | {"datacontenttype": "application/xml"}, Reason.NOT_JSON_DATA, "datacontenttype"),
        (packed(order()) | {"datacontenttype": "application/octet-stream"}, Reason.NOT_JSON_DATA, "datacontenttype"),
        (packed(order()) | {"datacontenttype": 5}, Reason.WRONG_TYPE, "datacontenttype"),
        (packed(order()) | {"data_base64": 5}, Reason.WRONG_TYPE, "data_base64"),
        (packed(order()) | {"data_base64": {}}, Reason.WRONG_TYPE, "data_base64"),
        (packed(order()) | {"data_base64": ""}, Reason.EMPTY_FIELD, "data_base64"),
        (packed(order()) | {"data_base64": "e30"}, Reason.BAD_BASE64, "data_base64"),
        (packed(order()) | {"data_base64": "e30=\n"}, Reason.BAD_BASE64, "data_base64"),
        (packed(order()) | {"data_base64": "e3\u00e9="}, Reason.BAD_BASE64, "data_base64"),
        (packed(order()) | {"data_base64": "_-8="}, Reason.BAD_BASE64, "data_base64"),
        (packed(order(), b"\xff"), Reason.NOT_JSON_DATA, "data_base64"),
        (packed(order(), b"{"), Reason.NOT_JSON_DATA, "data_base64"),
        (packed(order(), b'{"a":NaN}'), Reason.NOT_JSON_DATA, "data_base64"),
        (packed(order(), b"null"), Reason.WRONG_TYPE, "data"),
        (packed(order(), b"[]"), Reason.WRONG_TYPE, "data"),
        (packed(order(), b"{}"), Reason.MISSING_FIELD, "data.order_id"),
        (packed(order(), ORDER.replace(b"{", b'{"order_id":"x",', 1)), Reason.DUPLICATE_KEY, "order_id"),
        (packed(order(), ORDER.replace(b'"o1"', b'"a\\u0000b"')), Reason.NUL_CHARACTER, "a?b"),
        (packed(order(), ORDER.replace(b'"o1"', b'"\\ud800"')), Reason.LONE_SURROGATE, "?"),
        (packed(order(), ORDER.replace(b"{", b'{"a":' + b"7" * 301 + b",", 1)), Reason.OUT_OF_RANGE, "7" * 20),
    ],
)
def test_every_rule_holds_inside_of_base64(event: dict[str, Any], reason: Reason, detail: str) -> None:
    assert rejection(event) == (reason, detail)


@pytest.mark.parametrize("levels", [31, 32, 33])
def test_depth_counts_through_base64(levels: int) -> None:
    data = encode(json.loads(nested(levels))["data"])
    if levels <= 32:
        only(packed(order(), data))
    else:
        assert rejection(packed(order(), data)) == (Reason.TOO_DEEP, "data_base64")


def test_a_byte_order_mark_at_the_start_is_skipped() -> None:
    event = order()
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in event.items() if name != "data"]
    expected = [only(event)]
    for mark in (b"", BOM):
        assert read(mark + encode([event])).events == expected
        assert read(mark + encode(event), ContentMode.SINGLE).events == expected
        assert read(mark + encode(event), ContentMode.BEACON).events == expected
        assert read(mark + encode([event]), ContentMode.BEACON).events == expected
        assert read(mark + encode(event["data"]), ContentMode.BINARY, headers).events == expected
        assert read(encode([packed(event, mark + ORDER)])).events == expected
