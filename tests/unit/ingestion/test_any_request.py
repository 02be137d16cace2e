"""Arbitrary headers and bytes at the route for events: an answer that is documented, never a 500, never more work than
the bytes are worth.

``make fuzz-door`` looks further, guided by coverage.
"""

import gzip
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.content_headers import EVENT_TYPE
from lakehouse.http.asgi import Headers
from lakehouse.tokens import Scope
from tests.support.edge_door import ATTRIBUTES, GOOD, NAMES, TYPES, VALUES, EdgeDoor, assert_documented
from tests.support.valid_events import encode, order


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeDoor]:
    made = EdgeDoor(tmp_path_factory.mktemp("door"))
    yield made
    made.close()


values = (st.sampled_from(VALUES + TYPES) | st.text(max_size=20)).map(lambda text: text.encode("utf-8", "replace"))
values |= st.binary(max_size=20)
names = st.sampled_from(NAMES) | st.sampled_from(ATTRIBUTES).map(lambda name: f"ce-{name}")
headers = st.lists(st.tuples(names.map(lambda name: name.encode()), values), max_size=12)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A good body with some bytes replaced, taken away or put in, perhaps packed."""
    body = draw(st.sampled_from(GOOD) | st.binary(max_size=200))
    for _ in range(draw(st.integers(0, 3))):
        at, size = draw(st.integers(0, len(body))), draw(st.integers(0, 8))
        body = (
            body[:at]
            + draw(st.binary(max_size=8) | st.sampled_from([b"[" * 40, b'"', b"\\u0000", b"1e999"]))
            + body[at + size :]
        )
    return draw(st.sampled_from([body, body, gzip.compress(body), zstandard.compress(body)]))


def test_any_request_has_a_documented_answer(door: EdgeDoor) -> None:
    log, seen = Log(), set()

    @settings(max_examples=400)
    @given(headers, changed(), st.sampled_from([*TYPES, None]), st.sampled_from(list(door.tokens)), st.integers(0, 50))
    def check(fields: Headers, body: bytes, media: str | None, scope: Scope, cut: int) -> None:
        known = [(b"authorization", b"Bearer " + door.tokens[scope])]
        known += [(b"content-type", media.encode())] if media else []
        answer = door.ask([*known, *fields], [body[:cut], body[cut:]])
        assert_documented(answer)
        assert log.failures == []
        seen.add(answer.status)

    logging.getLogger().addHandler(log)
    try:
        check()
    finally:
        logging.getLogger().removeHandler(log)
    assert seen >= {202, 400, 401, 403, 415}


@given(headers, st.binary(max_size=60), changed())
def test_any_query_has_a_documented_answer(door: EdgeDoor, fields: Headers, query: bytes, body: bytes) -> None:
    for text in (query, b"token=" + query, b"token=" + door.tokens[Scope.EVENTS_WRITE_BROWSER]):
        assert_documented(door.ask([(b"content-type", b"text/plain"), *fields], [body], text))


class Log(logging.Handler):
    """What the edge has failed at, also where it has covered that."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.failures: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.failures.append(logging.Formatter().format(record))


def calls(door: EdgeDoor, fields: Headers, body: bytes) -> int:
    """How many functions of Python and C are called for a request."""
    count = 0

    def called(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    token = [(b"authorization", b"Bearer " + door.tokens[Scope.EVENTS_WRITE])]
    sys.setprofile(called)
    try:
        door.ask([*token, *fields], [body])
    finally:
        sys.setprofile(None)
    return count


UNITS = st.binary(min_size=1, max_size=12) | st.sampled_from(
    [
        b"1,",
        b"[",
        b'{"a":',
        b'"id":"a",',
        b"[[[[[[[]]]]]]],",
        b"0.1,",
        b'"customer_id":"x",',
        b"\\u0041",
        encode(order()) + b",",
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"", b"[", b'[{"data":{"x":[']),
    UNITS,
    st.sampled_from([b"", b"]", b"1]}}]"]),
    st.sampled_from(TYPES),
)
def test_eight_times_the_body_is_at_most_eight_times_the_calls(
    door: EdgeDoor, start: bytes, unit: bytes, end: bytes, media: str
) -> None:
    """Up to 16 KiB, which the loop's own thread reads; what C does in one call, ``test_linear.py`` looks at."""
    sizes = 1_500, 12_000
    small, large = (
        calls(door, [(b"content-type", media.encode())], start + unit * (size // len(unit)) + end) for size in sizes
    )
    assert large <= 10 * small + 1_000


@pytest.mark.parametrize("name", [b"ce-x%d", b"x-%d", b"content-type", b"traceparent", b"ce-id"])
@pytest.mark.parametrize("media", [b"application/json", EVENT_TYPE.encode()])
def test_headers_cost_what_they_weigh(door: EdgeDoor, name: bytes, media: bytes) -> None:
    def many(count: int) -> Headers:
        named = [(name % n if b"%d" in name else name, b"a%20b") for n in range(count)]
        return [(b"content-type", media), (b"ce-specversion", b"1.0"), *named]

    small, large = (calls(door, many(count), b"{}") for count in (100, 800))
    assert large <= 10 * small + 1_000
