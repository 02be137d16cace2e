"""Whatever a body holds, the edge's work is linear in its bytes, and small where the answer is a rejection anyway."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from ingestion import json_split
from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope, TooManyEventsError
from ingestion.fast_decode import Sender
from ingestion.json_split import UnreadableError, split_array
from ingestion.pseudonyms import PseudonymsByDay
from ingestion.request import Request
from ingestion.strict_json import depth
from lakehouse.http.problems import ProblemError
from lakehouse.settings import EdgeSettings
from tests.support.linear import assert_linear
from tests.support.valid_events import NOW, encode, order

SIZE = 1 << 20
WIDE = EdgeSettings(max_event_bytes=SIZE, max_body_bytes=SIZE, max_batch_events=SIZE)
"""No limit stands before the work."""
BY_DAY = PseudonymsByDay({0: b"k" * 32})
HASHES = BY_DAY.at(0)
UNITS = [
    b"1,",
    b"{},",
    b"[",
    b"[1,",
    b"[]",
    b'{"a":',
    b'["a",',
    b'""',
    b'"',
    b"\\",
    b'\\"',
    b'"\\u0063',
    b"7",
    b"0.1,",
    b"1e9,",
    b'"customer_id":"x",',
    b'"customer_id":[',
    b'\\"customer_id\\":\\"\\\\\\"',
    b'"customer_id"        ',
    b'"data_base64":"eyJ2aXNpdG9yX2lkIjoiMSJ9",',
    b'"data_base64":"',
    b"A=",
    b'{"id":"a","id":"b"},',
    b"[[[[[[]]]]]],",
    encode(order()) + b",",
    encode(order(note="\u00e9", currency="usd")) + b",",
]


def text(unit: bytes, size: int) -> bytes:
    return unit * (size // len(unit))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit[:20].decode())
@pytest.mark.parametrize("frame", [b"%s", b"[%s1]", b'[{"id":"a","data":{"x":[%s1]}}]', b'{"data_base64":"%s"}'])
def test_the_envelope_is_linear_in_the_body(unit: bytes, frame: bytes) -> None:
    reader = Envelope(WIDE, BY_DAY)

    def work(size: int) -> None:
        body = frame.replace(b"%s", text(unit, size))
        for mode in (ContentMode.BATCH, ContentMode.BEACON, ContentMode.BINARY):
            with contextlib.suppress(UnreadableError, ProblemError):
                reading = reader.read(mode, body, [], Sender("m"), NOW)
                for rejection in reading.rejections[:3]:
                    HASHES.scrub("m", rejection.body)

    assert_linear(work, SIZE // 4)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit[:20].decode())
@pytest.mark.parametrize("deep", [0, 8, 40])
def test_looking_at_bytes_is_linear(unit: bytes, deep: int) -> None:
    def work(size: int) -> None:
        body = b"[" * (deep + 1) + text(unit, size) + b"]" * (deep + 1)
        depth(body)
        HASHES.scrub("m", body)
        with contextlib.suppress(UnreadableError):
            split_array(body)

    assert_linear(work, SIZE // 4)


def counting(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many ends of elements were looked for."""
    find, found = json_split._end_of_element, []

    def count(*arguments: Any) -> int:
        found.append(1)
        return find(*arguments)

    monkeypatch.setattr(json_split, "_end_of_element", count)
    return lambda: len(found)


@pytest.mark.parametrize("element", [b"1", b"null", b"{}", b"[]", b'"a"', b"{", b'{"a":[[[[[[[]]]]]]]}'])
def test_counting_ends_at_the_limit(element: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a body that has too many events no more than the limit is made."""
    looked = counting(monkeypatch)
    body = b"[" + text(element + b",", SIZE) + element + b"]"
    reader = Envelope(EdgeSettings(), BY_DAY)
    expected = UnreadableError if element == b"{" else TooManyEventsError
    with pytest.raises(expected):
        reader.read(ContentMode.BATCH, body, [], Sender("m"), NOW)
    assert looked() <= 1001


def test_too_many_of_one_kind_are_counted_for_the_quota() -> None:
    reader = Envelope(EdgeSettings(max_batch_events=3), BY_DAY)
    for body in (b"[1,1,1,1]", encode([order()] * 4), encode([{}] * 5), encode([order() | {"xnew": 1}] * 9)):
        with pytest.raises(TooManyEventsError) as error:
            reader.read(ContentMode.BATCH, body, [], Sender("m"), NOW)
        assert error.value.counted == 4


def test_a_large_body_in_binary_mode_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.strict_json.depth", lambda _: pytest.fail("it was read"))
    reader = Envelope(EdgeSettings(), BY_DAY)
    small, large = b"[" * 1000, b"[" * SIZE
    for headers, body in (([], large), ([(b"ce-x", large)], small)):
        with pytest.raises(ProblemError):
            reader.read(ContentMode.BINARY, body, headers, Sender("m"), NOW)


@pytest.mark.parametrize("name", [b"x-other", b"content-type", b"ce-extension"])
def test_many_headers_are_linear(name: bytes) -> None:
    assert_linear(lambda size: Request({"headers": [(name, b"x" * 50)] * size}), 40_000)


def test_elements_are_what_they_were() -> None:
    """Deep, odd and plain ones beside each other."""
    elements = [
        json.dumps(one)
        for one in (order(), 1, [[[[[[[[1]]]]]], "]"]], {"a": {"b": {"c": {"d": {"e": {"f": "}"}}}}}}, "")
    ]
    assert [part.decode() for part in split_array(f"[{' , '.join(elements)}]".encode())] == elements
