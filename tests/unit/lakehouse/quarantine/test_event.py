"""What is sent of an entry: its own bytes, and the name of what it replays."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent
from lakehouse.quarantine.event import Event, cloud_event, events_of, naming
from lakehouse.quarantine.event_text import UnsendableError
from tests.support.quarantine_world import kept, order, rejected, sent, uncounted

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=5)


@given(st.dictionaries(st.text(), JSON), st.text())
def test_an_event_names_what_it_replays_and_is_the_same_otherwise(event: dict[str, object], name: str) -> None:
    named = json.loads(naming(Event(name, "m", sent(event))))
    assert named.pop("replayof") == name
    assert named == {key: value for key, value in event.items() if key != "replayof"}


def test_what_is_wrong_with_its_text_stays() -> None:
    text = b'{ "id": "a", "id": "b", "n": 1.10 }'
    assert naming(Event("x/y/1", "m", text)) == b'{"replayof":"x/y/1", "id": "a", "id": "b", "n": 1.10 }'


@pytest.mark.parametrize("key", ['"replayof"', '"\\u0072eplayof"', '"replay\\u006Ff"'])
def test_a_name_that_its_sender_gave_it_is_replaced_and_the_rest_stays(key: str) -> None:
    text = f'{{ "id": "a", {key} : {{"n":[1]}} ,"id":"b","n": 1.10, {key}:"forged" }}'.encode()
    assert naming(Event("x/y/1", "m", text)) == b'{"replayof":"x/y/1","id": "a","id":"b","n": 1.10}'


def test_a_rejected_event_is_sent_as_it_came_for_the_merchant_who_sent_it() -> None:
    row = rejected(b"  " + sent(order(1, "brl")) + b"\n")
    (event,) = events_of(kept(row))
    assert (event.merchant_id, event.text) == ("shop-1", sent(order(1, "brl")))
    assert event.entry == kept(row).refused.name


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b'"a"', b'{"a":1},{"b":2}', b"{}}{", b'{"a":"\xff"}'])
def test_bytes_that_are_no_object_cannot_be_sent(body: bytes) -> None:
    with pytest.raises(UnsendableError):
        list(events_of(kept(rejected(body, reason="unreadable"))))


def test_a_record_that_streaming_refused_is_its_events() -> None:
    event = AcceptedEvent("e", "/s", "page.viewed", 1_795_428_000_000_000, '{"visitor_id":"v"}', extensions={"x": 1})
    batch = AcceptedBatch("edge-1", "aa-0", -4, 0, "shop-2", [event, event])
    row = rejected(msgspec.json.encode(batch), station="streaming", merchant_id=None, reason="out_of_range")
    first, second = events_of(kept(row))
    assert first == second
    assert first.merchant_id == "shop-2"
    assert json.loads(first.text) == {
        "specversion": "1.0",
        "id": "e",
        "source": "/s",
        "type": "page.viewed",
        "time": "2026-11-23T10:00:00Z",
        "data": {"visitor_id": "v"},
        "x": 1,
    }


@pytest.mark.parametrize(
    "record", [b"\xff", b"[]", b"{}", b'{"events":[1]}', b'{"events":[{}]}', b'{"events":[{}],"merchant_id":7}']
)
def test_garbage_of_a_foreign_producer_cannot_be_sent(record: bytes) -> None:
    with pytest.raises(UnsendableError):
        list(events_of(kept(rejected(record, station="streaming", merchant_id=None))))


def test_what_is_missing_in_a_record_is_missing_in_what_is_sent() -> None:
    record = b'{"merchant_id":"m","events":[{"id":"e","data":"no JSON","time":1e300}]}'
    (event,) = events_of(kept(rejected(record, station="streaming", merchant_id=None)))
    assert json.loads(event.text) == {"specversion": "1.0", "id": "e", "data": "no JSON", "time": 1e300}


def test_an_accepted_event_is_sent_as_bronze_has_it() -> None:
    row = uncounted(7, {"n": 1}, subject="s", time=datetime(2026, 11, 23, 10, 0, 0, 5_000, UTC))
    event = json.loads(cloud_event(row | {"data": '{"n":123456789012345678901234.10}', "dataschema": None}))
    assert (event["x"], event["subject"], event["time"]) == (1, "s", "2026-11-23T10:00:00.005000Z")
    assert b"123456789012345678901234.10" in cloud_event(row | {"data": '{"n":123456789012345678901234.10}'})
