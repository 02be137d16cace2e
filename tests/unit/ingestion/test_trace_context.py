"""The trace of a request becomes an extension of its events, as W3C's rules for the two headers have it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.content_headers import ContentMode
from ingestion.fast_decode import Sender
from ingestion.trace_context import TraceContext, trace_context, with_context
from tests.support.envelopes import read
from tests.support.running_edge import RunningEdge, event, post
from tests.support.valid_events import encode, order

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-00"
CONTEXT: TraceContext = {"traceparent": PARENT, "tracestate": "shop=7"}


@pytest.mark.parametrize("parent", [PARENT, f" {PARENT} ", "cc" + PARENT[2:], f"cc{PARENT[2:]}-what-comes"])
def test_a_parent_that_is_kept(parent: str) -> None:
    assert trace_context(parent, None) == {"traceparent": parent.strip()}


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "nonsense",
        PARENT.upper(),
        PARENT[:-1],
        f"{PARENT}-more",
        f"{PARENT}, {OTHER}",
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
        f"cc{PARENT[2:]}-{'x' * 600}",
    ],
)
def test_a_parent_that_is_passed_over(parent: str | None) -> None:
    assert trace_context(parent, "shop=7") is None


@pytest.mark.parametrize("state", ["shop=7", "a=1, b@vendor=2 ,", "k=" + "v" * 500])
def test_a_state_that_is_kept(state: str) -> None:
    assert trace_context(PARENT, state) == {"traceparent": PARENT, "tracestate": state}


@pytest.mark.parametrize("state", ["", ",", "shop", "Shop=7", "a=é", "a=\0", "a=b=c", "k=" + "v" * 600, "a=1," * 33])
def test_a_state_that_is_left_out(state: str) -> None:
    assert trace_context(PARENT, state) == {"traceparent": PARENT}


@given(st.text() | st.just(PARENT), st.text())
def test_no_header_is_a_reason_to_refuse(parent: str, state: str) -> None:
    found = trace_context(parent, state)
    assert found is None or set(found) <= {"traceparent", "tracestate"}


def test_an_event_that_names_its_own_parent_keeps_its_own_state() -> None:
    assert with_context({"a": 1, "tracestate": "old=1"}, CONTEXT) == {"a": 1} | CONTEXT
    assert with_context({"traceparent": OTHER}, CONTEXT) == {"traceparent": OTHER}
    assert with_context({"a": 1}, None) == {"a": 1}
    assert with_context(None, None) is None


def test_both_ways_through_the_envelope_agree() -> None:
    sender = Sender("shop-1", trace=dict(CONTEXT))
    plain, careful = read(encode([order(), order() | {"subject": None}]), sender=sender).events
    assert plain.extensions == careful.extensions == CONTEXT
    own = read(encode([order() | {"traceparent": OTHER, "n": 1}]), sender=sender).events[0]
    assert own.extensions == {"n": 1, "traceparent": OTHER}


def test_in_binary_mode_the_events_own_header_wins() -> None:
    headers = [(f"ce-{name}".encode(), str(value).encode()) for name, value in order().items() if name != "data"]
    sender, data = Sender("shop-1", trace=dict(CONTEXT)), encode(order()["data"])
    assert read(data, ContentMode.BINARY, headers, sender).events[0].extensions == CONTEXT
    own = [*headers, (b"ce-traceparent", OTHER.encode())]
    assert read(data, ContentMode.BINARY, own, sender).events[0].extensions == {"traceparent": OTHER}


def kept(edge: RunningEdge, id_: str) -> dict[str, Any]:
    paths = (edge.settings.home_path / "edge").glob("*/*/accepted/*.ndjson")
    events = [one for path in paths for line in path.read_bytes().splitlines() for one in json.loads(line)["events"]]
    return next(one for one in events if one["id"] == id_)


def test_the_headers_of_a_request_reach_all_of_its_events(edge: RunningEdge) -> None:
    body = encode([event(1), event(2, traceparent=OTHER), event(3, note=1)])
    assert post(edge, body, {"traceparent": PARENT, "tracestate": "shop=7"}).json()["accepted"] == 3
    assert [kept(edge, f"e{n}")["extensions"] for n in (1, 2, 3)] == [
        CONTEXT,
        {"traceparent": OTHER},
        {"note": 1} | CONTEXT,
    ]
    assert post(edge, encode([event(4)]), {"traceparent": "nonsense"}).json()["accepted"] == 1
    assert "extensions" not in kept(edge, "e4")
