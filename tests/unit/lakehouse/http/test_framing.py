"""What a connection carries is read the same, however packets cut it and whenever its answers come."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.http.asgi import Endpoint, Receive, Response, Scope
from lakehouse.http.bounded import MAX_HEAD_BYTES, MAX_HEADERS, MAX_WAITING, BoundedHttp
from lakehouse.http.hot_route import HotRoute, serving
from lakehouse.http.whole_answers import WholeAnswers
from tests.support.http_protocol import Connection, request, some_turns

PIECES = [
    b"\r\nUpgrade:",
    b"\r\n\r\nGET /whole HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
    b"POST /whole HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
    b"0\r\n\r\n",
    b"a",
]
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEA\r\nUpgrade: h2c\r\n"


@dataclass(frozen=True)
class Sent:
    """A request: its bytes, and the body in them."""

    text: bytes
    path: str
    body: bytes


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    path = draw(st.sampled_from(["/whole", "/early", "/part", "/late"]))
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "PUT"]))
    body = b"".join(draw(st.lists(st.sampled_from(PIECES), max_size=6)))
    fields = [b"Host: x\r\n", *draw(st.lists(st.sampled_from([OFFER, b"Expect: 100-continue\r\n"]), unique=True))]
    coded = draw(st.none() | st.lists(st.integers(1, 40), max_size=5))
    if coded is None:
        fields.append(b"Content-Length: %d\r\n" % len(body))
        sent = body
    else:
        fields.append(b"Transfer-Encoding: chunked\r\n")
        sent = chunked(body, coded, draw(st.sampled_from([b"", b"Upgrade: h2c\r\nx-seen: forged\r\n"])))
    fields = draw(st.permutations(fields))
    head = b"%s %s HTTP/1.1\r\n" % (method.encode(), path.encode()) + b"".join(fields) + b"\r\n"
    return Sent(head + sent, path, body)


def chunked(body: bytes, sizes: list[int], trailers: bytes) -> bytes:
    found, rest = b"", body
    for part in cut(rest, sizes):
        found += b"%x;a=b\r\n%s\r\n" % (len(part), part)
    return found + b"0\r\n" + trailers + b"\r\n"


def cut(whole: bytes, sizes: Sequence[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(whole[:size])
        whole = whole[size:]
    return [part for part in [*parts, whole] if part]


class Service:
    """Answers before the body, after a part of it, after all, or some turns of the loop later. ``bodies`` are those
    that were read to their ends, ``forged`` the fields that came behind one."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.forged: list[bytes] = []
        self.endpoint = Endpoint(dict.fromkeys(("GET", "HEAD", "POST", "PUT"), self.answer), lambda *_: None)

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        path = scope["path"]
        if path == "/early":
            return Response(b"no", 401)
        message = await receive()
        if path == "/part":
            return Response(b"part", 413)
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        if path == "/late":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        self.bodies.append(body)
        self.forged += [name for name, _ in scope["headers"] if name == b"x-seen"]
        return Response(b"%d" % len(body), 202)


HOT = serving(HotRoute(lambda scope: scope["path"] != "/late", lambda: False, Response(b"", 503), lambda _: None))
PROTOCOLS = pytest.mark.parametrize("http", [BoundedHttp, WholeAnswers, HOT], ids=["bounded", "whole", "hot"])


async def ask(http: Any, packets: Sequence[bytes], turns: Sequence[int] = (), eof: bool = False) -> Any:
    service = Service()
    connection = Connection(service.endpoint, http)
    for number, packet in enumerate(packets):
        connection.protocol.data_received(packet)
        for _ in range(turns[number % len(turns)] if turns else 0):
            await asyncio.sleep(0)
    if eof and not connection.protocol.eof_received():
        connection.client.close()
    for _ in range(5):
        await some_turns()
    closed = connection.client.closed
    assert not service.forged, "a field behind a body is none of the head"
    connection.protocol.connection_lost(None)
    return connection.written, service.bodies, closed


@PROTOCOLS
@settings(max_examples=150, deadline=None)
@given(
    st.lists(requests(), min_size=1, max_size=5),
    st.lists(st.integers(1, 120), max_size=12),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.booleans(),
)
def test_answers_are_those_of_a_connection_for_each_request(
    http: Any, sent: list[Sent], sizes: list[int], turns: list[int], eof: bool
) -> None:
    async def within() -> None:
        alone = [(await ask(http, [each.text]))[0] for each in sent]
        written, bodies, closed = await ask(http, cut(b"".join(each.text for each in sent), sizes), turns, eof)
        assert written == b"".join(alone)
        assert bodies == [each.body for each in sent if each.path in ("/whole", "/late")]
        assert closed == eof

    asyncio.run(within())


def one(http: Any, *packets: bytes, eof: bool = False) -> Any:
    return asyncio.run(ask(http, packets, [3], eof))


def statuses(written: bytes) -> list[int]:
    return [int(part[:3]) for part in written.split(b"HTTP/1.1 ")[1:]]


WHOLE = request("POST /whole", body="hello")
LATE = request("POST /late", body="hello")


@PROTOCOLS
@pytest.mark.parametrize(
    ("line", "status", "slug"),
    [
        (b"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400, "unreadable-body"),
        (b"Transfer-Encoding: identity\r\n\r\nhello", 400, "unreadable-body"),
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400, "unreadable-body"),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", 400, "unreadable-body"),
        (b"Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n", 400, "unreadable-body"),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\nhello\r\n0\r\n\r\n", 400, "unreadable-body"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400, "not-http"),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "not-http"),
        (b"Content-Length: -5\r\n\r\nhello", 400, "not-http"),
        (b"Host: y\r\nContent-Length: 5\r\n\r\nhello", 400, "not-http"),
        (b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", 417, "expectation-failed"),
        (b"a: " + b"x" * (MAX_HEAD_BYTES - 20) + b"\r\nContent-Length: 5\r\n\r\nhello", 431, "head-too-large"),
        (b"a:b\r\n" * MAX_HEADERS + b"Content-Length: 5\r\n\r\nhello", 431, "head-too-large"),
    ],
)
def test_what_cannot_be_read_is_answered_and_not_handled(http: Any, line: bytes, status: int, slug: str) -> None:
    """Also behind requests that wait, or have been answered; nothing behind it is read."""
    bad = b"POST /whole HTTP/1.1\r\nHost: x\r\n" + line
    for before, count in ((b"", 0), (WHOLE, 1), (LATE, 1), (LATE + LATE, 2)):
        for packets in ((before + bad + WHOLE,), (before, bad, WHOLE)):
            written, bodies, closed = one(http, *packets)
            assert statuses(written) == [202] * count + [status]
            assert b"/problems/" + slug.encode() in written
            assert (bodies, closed) == ([b"hello"] * count, True)


@PROTOCOLS
def test_a_broken_body_behind_its_answer_gets_no_other(http: Any) -> None:
    head = b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    written, _, closed = one(http, head, b"zz\r\n" + WHOLE)
    assert (statuses(written), closed) == ([401], True)


@PROTOCOLS
def test_a_request_needs_a_host_since_http_1_1(http: Any) -> None:
    assert statuses(one(http, b"GET /whole HTTP/1.1\r\n\r\n")[0]) == [400]
    assert statuses(one(http, b"GET /whole HTTP/1.0\r\n\r\n")[0]) == [202]


@PROTOCOLS
def test_what_waits_is_answered_though_there_is_too_much(http: Any) -> None:
    written, bodies, closed = one(http, LATE * (MAX_WAITING + 5))
    assert statuses(written) == [202] * MAX_WAITING + [431]
    assert (len(bodies), closed) == (MAX_WAITING, True)


@PROTOCOLS
@pytest.mark.parametrize("rest", [LATE[:20], LATE[:-1]], ids=["half a head", "half a body"])
def test_who_sends_nothing_more_reads_what_is_owed(http: Any, rest: bytes) -> None:
    for before in (LATE, LATE + LATE):
        written, bodies, closed = one(http, before + rest, eof=True)
        assert statuses(written) == [202] * len(bodies)
        assert (len(bodies), closed) == (len(before) // len(LATE), True)
    assert one(http, rest, eof=True) == (b"", [], True)


@PROTOCOLS
def test_nothing_is_done_for_what_follows_the_last_request(http: Any) -> None:
    last = request("POST /early", "Connection: close", body="hello")
    written, bodies, closed = one(http, last + WHOLE)
    assert (statuses(written), bodies, closed) == ([401], [], True)
