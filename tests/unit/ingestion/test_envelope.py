"""Every valid event comes through the envelope unchanged, whatever way it takes; any bytes are read or refused."""

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
from ingestion.pseudonyms import PseudonymsByDay
from ingestion.rejections import Reason
from ingestion.strict_json import UnreadableError
from lakehouse.contracts.events import BROWSER_TYPES, PERSONAL_FIELDS
from tests.support.envelopes import EDGE, SENDER, only, read
from tests.support.valid_events import NOW, encode, events, order, rich_events


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
    kept = {"id": 'a "b"', "source": "/café%20", "type": "checkout.started", "time": "2026-11-23T10:00:00Z"}
    assert json.loads(broken.body) == kept | {"tracestate": "€", "specversion": "\udcff", "data": {}}


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
    envelope = Envelope(EDGE, PseudonymsByDay({0: b"k" * 32}))
    accepted = envelope.read(ContentMode.BATCH, encode([event]), [], SENDER, NOW).events[0]
    assert "secret" not in accepted.data
    assert json.loads(accepted.data)["customer_id"].startswith("p_")
    if nested_too:
        assert json.loads(accepted.data)["new_list"][1]["deep"]["visitor_id"].startswith("p_")
