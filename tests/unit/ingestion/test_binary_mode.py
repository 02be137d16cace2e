"""One thing is wrong with a request in binary mode: quarantine has all else, and the event is accepted once mended."""

import asyncio
import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ingestion.body_reader import BodyReader
from ingestion.content_headers import ContentMode
from ingestion.envelope import ParsedRequest
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import PseudonymsByDay
from lakehouse.http.asgi import Headers
from lakehouse.quarantine.mend import UnmendableError, mend_of
from lakehouse.settings import EdgeSettings
from tests.support.valid_events import NOW, encode, events, order

DAY = 86_400_000_000
KEYS = PseudonymsByDay({0: b"k" * 32, NOW // DAY: b"l" * 32})
PLAIN, HASHING = BodyReader(EdgeSettings(), None), BodyReader(EdgeSettings(), KEYS)
BAD_VALUES = [b"%FF", b"a%00", b"", b"x" * 3000, b'"%C3%28"', b"%ed%a0%80"]
BAD_DATA = [b"{", b'{"a":1},', b'{"id":1},{"id":2', b"\xff", b"[1]", b'"', b"null,", b"[" * 40 + b"]" * 40, b"[" * 2000]
BAD_DATA += [
    b'{"a":1,"a":2}',
    b'{"a":1,"a":2}},{',
    b'{"a":"\\u0000"}',
    b'{"a":"\\ud800"}',
    b"",
    b" \n",
    b"NaN",
    b"9" * 5000,
]
NAMES = ("id", "source", "type", "time", "specversion")


def sent(event: dict[str, Any]) -> Headers:
    return [(f"ce-{name}".encode(), quote(text).encode()) for name, text in event.items() if name != "data"]


def read(
    body: bytes, headers: Headers, mode: ContentMode = ContentMode.BINARY, by: BodyReader = PLAIN
) -> ParsedRequest:
    return asyncio.run(by.read(mode, body, headers, Sender("m"), NOW))


def mended(kept: bytes, program: str, otherwise: Any = None) -> ParsedRequest:
    """By a JSON patch, if there is one, where jq cannot read it: a lone surrogate."""
    try:
        made = mend_of(program)(kept)
    except UnmendableError:
        made = mend_of(json.dumps(otherwise))(kept)
    assert made is not None
    return read(made, [], ContentMode.SINGLE)


@given(events(), st.sampled_from(NAMES), st.sampled_from(BAD_VALUES))
def test_with_a_bad_attribute_the_others_and_the_data_are_kept(event: dict[str, Any], name: str, bad: bytes) -> None:
    headers = [(key, bad if key == f"ce-{name}".encode() else value) for key, value in sent(event)]
    (rejection,) = read(encode(event["data"]), headers).rejections
    kept = json.loads(rejection.body)
    assert {key: value for key, value in kept.items() if key != name} == {k: v for k, v in event.items() if k != name}
    again = read(rejection.body, [], ContentMode.SINGLE)
    assert again.events == []
    accepted = mended(rejection.body, f".{name} = {json.dumps(event[name])}").events
    assert accepted == read(encode(event["data"]), sent(event)).events != []


@given(events(), st.sampled_from([*NAMES, "data", "data_base64", "datacontenttype"]), st.sampled_from(["x", "%FF"]))
def test_with_an_attribute_twice_or_where_it_may_not_be_all_is_kept(event: dict[str, Any], name: str, bad: str) -> None:
    headers = [(f"ce-{name}".encode(), bad.encode()), *sent(event)]
    (rejection,) = read(encode(event["data"]), headers).rejections
    pairs = json.loads(rejection.body, object_pairs_hook=list)
    assert len(pairs) == len(event) + 1
    last = json.loads(rejection.body)
    assert {key: value for key, value in last.items() if key in event} == event
    keep = "." if name in event else f"del(.{name})"
    assert mended(rejection.body, keep).events == read(encode(event["data"]), sent(event)).events != []


@given(events(), st.sampled_from(BAD_DATA) | st.binary(max_size=30) | st.binary(max_size=9).map(lambda b: b'{"a":' + b))
@example(order(), b'{"a":"\\ud800"}')
@example(order(), b"9" * 5000)
@example(order(), b'{"a":1,"a":2}},{')
def test_with_bad_data_all_attributes_are_kept_and_the_bytes_of_the_data(event: dict[str, Any], bad: bytes) -> None:
    reading = read(bad, sent(event))
    assume(not reading.events)
    (rejection,) = reading.rejections
    assert rejection.id == event["id"]
    kept = json.loads(rejection.body, parse_int=str)
    encoded = kept.pop("data_base64", None)
    kept.pop("data", None)
    assert kept == {name: text for name, text in event.items() if name != "data"}
    if encoded is not None:
        assert base64.b64decode(encoded) == bad.removeprefix(b"\xef\xbb\xbf")
    elif bad.strip():
        assert rejection.body.endswith(b'"data":' + bad.removeprefix(b"\xef\xbb\xbf") + b"}")
    assert read(rejection.body, [], ContentMode.SINGLE).events == []
    right = json.dumps(event["data"])
    patch = [{"op": "add", "path": "/data", "value": event["data"]}]
    accepted = mended(rejection.body, f".data = {right} | del(.data_base64)", patch).events
    assert accepted == read(right.encode(), sent(event)).events != []


@given(events())
def test_an_accepted_event_is_the_one_of_the_json_format(event: dict[str, Any]) -> None:
    assert read(encode(event["data"]), sent(event)) == read(encode(event), [], ContentMode.SINGLE)


@pytest.mark.parametrize("end", [b",", b"", b"}}", b'"', b"\n:"])
@pytest.mark.parametrize("space", [b"", b"\n", b" \t\n"])
def test_personal_ids_in_data_that_is_no_json_are_hashed_with_the_key_of_the_events_day(
    end: bytes, space: bytes
) -> None:
    event = order() | {"time": "2026-11-20T10:00:00Z"}
    bad = b'{"customer_id"' + space + b":" + space + b'"secret"' + end
    (rejection,) = read(bad, sent(event), by=HASHING).rejections
    data = base64.b64decode(json.loads(rejection.body)["data_base64"])
    assert b"secret" not in data
    assert KEYS.at(NOW - 3 * DAY).of("m", "secret").encode() in data
    assert json.loads(rejection.body)["time"] == event["time"]
