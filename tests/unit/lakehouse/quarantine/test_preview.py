"""The preview against sums that are computed the slow and obvious way."""

import base64
import json
from collections import defaultdict
from dataclasses import asdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.quarantine.preview import Key, Preview
from tests.support.bronze_rows import START, Row
from tests.support.naive_models import SALES, is_readable, measures
from tests.support.quarantine_world import order, sent

MONEY = st.integers(-1, 10**13 + 1) | st.none() | st.just("5") | st.just(True)
NAMES = ("amount_minor", "shipping_minor", "tax_minor", "discount_minor")
LINES = st.lists(
    st.fixed_dictionaries(
        {"quantity": st.integers(0, 10**6)},
        optional=dict.fromkeys(("unit_price_minor", "amount_minor", "discount_minor"), MONEY),
    ),
    max_size=3,
)
DATA = st.fixed_dictionaries(
    {"items": LINES},
    optional=dict.fromkeys(NAMES, MONEY)
    | {name: st.just("o") | st.just(7) for name in ("order_id", "refund_id")}
    | {"currency": st.sampled_from(["BRL", "KWD"])},
)
EVENTS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([*SALES, "page.viewed"]), DATA), max_size=8)


def row(merchant: str, kind: str, data: dict[str, Any]) -> Row:
    return Row("edge-1", "s-1", 1, START, merchant, "/s", "e", kind, START, json.dumps(data))


def naive(events: list[tuple[str, str, dict[str, Any]]]) -> dict[Key, dict[str, int]]:
    found: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for merchant, kind, data in events:
        sums = found[Key(merchant, data.get("currency", ""), kind)]
        sums["events"] += 1
        if kind in SALES:
            readable = is_readable(row(merchant, kind, data))
            sums["unreadable"] += not readable
            for name, value in measures(kind, data).items() if readable else ():
                sums[name] += value
    return found


@given(EVENTS)
def test_the_preview_is_the_sum_of_its_events(events: list[tuple[str, str, dict[str, Any]]]) -> None:
    preview = Preview()
    for merchant, kind, data in events:
        preview.add(merchant, sent({"type": kind, "data": data}))
    wanted = {key: {name: value for name, value in sums.items() if value} for key, sums in naive(events).items()}
    found = {key: {name: value for name, value in asdict(sums).items() if value} for key, sums in preview.rows()}
    assert found == wanted


def test_data_in_base64_is_read_too() -> None:
    event = order(1, "BRL", price=50, quantity=2)
    event["data_base64"] = base64.b64encode(json.dumps(event.pop("data")).encode()).decode()
    preview = Preview()
    preview.add("a", sent(event))
    assert list(preview.lines()) == ["a order.placed BRL: events 1, orders 1, units 2, gross_sales 100"]


def test_what_cannot_be_read_at_all_is_an_event_of_no_type() -> None:
    preview = Preview()
    for text in (b"{", b'{"type": 7}', b'{"data_base64": "a"}', b'{"data": {"currency": []}}'):
        preview.add("a", text)
    assert preview.documents()[0] | {"events": 4, "type": "", "currency": ""} == preview.documents()[0]
