"""No head holds up the loop or fills the memory; what is in bounds is served as ever."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from lakehouse.http import bounded
from lakehouse.http.asgi import App, Receive, Scope, Send
from lakehouse.http.bounded import MAX_HEAD_BYTES, MAX_HEADERS, MAX_WAITING, BoundedHttp
from lakehouse.http.framing import FramedHttp

PACKET = 256_000
"""What uvloop reads at once."""
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: Any) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        return None

    def resume_reading(self) -> None:
        return None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def receive(packets: Iterable[bytes], app: App = application) -> tuple[Transport, BoundedHttp]:
    """What a connection is left as by packets, with a round of the loop after each."""
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none")
    config.load()

    async def run() -> tuple[Transport, BoundedHttp]:
        transport = Transport()
        protocol = BoundedHttp(config, ServerState(), {}, asyncio.get_running_loop())
        protocol.connection_made(transport)
        for packet in packets:
            protocol.data_received(packet)
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        return transport, protocol

    return asyncio.run(run())


def refusal(sent: bytes) -> dict[str, Any]:
    head, _, body = sent.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    return dict(json.loads(body))


@pytest.mark.parametrize(
    "packets",
    [
        [b"POST / HTTP/1.1\r\nHost: x\r\na: ", *[b"x" * PACKET] * 4],
        [b"POST /" + b"x" * PACKET],
        [b"POST / HTTP/1.1\r\n" + b"a:b\r\n" * (PACKET // 5)],
        [b"POST / HTTP/1.1\r\n", *[b"a:b\r\n"] * 2_000],
        [b"\r\n" * PACKET],
    ],
    ids=["one long field", "a long path", "many fields", "many fields one by one", "nothing"],
)
def test_a_head_that_is_too_large_is_refused_before_it_is_whole(packets: list[bytes]) -> None:
    transport, protocol = receive(packets)
    assert transport.closed
    assert transport.sent.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert refusal(transport.sent)["type"] == "/problems/head-too-large"
    assert len(protocol.headers or ()) <= MAX_HEADERS + bounded._SLICE // 4


@pytest.mark.parametrize(
    "unit", [b"x" * PACKET, b"a:b\r\n" * (PACKET // 5), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * (PACKET // 27)]
)
def test_no_packet_costs_more_than_the_bounds(unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by the bytes that reach the parser, whatever the packet holds."""
    fed = counting_bytes(monkeypatch)
    receive([b"POST / HTTP/1.1\r\na: b\r\n" if unit[:1] != b"G" else b"", unit, *[unit] * 20])
    assert fed() <= MAX_HEAD_BYTES + 2 * bounded._SLICE


def counting_bytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    fed: list[int] = []
    feed = FramedHttp.data_received

    def count(self: Any, data: bytes) -> None:
        fed.append(len(data))
        feed(self, data)

    monkeypatch.setattr(FramedHttp, "data_received", count)
    return lambda: sum(fed)


def test_who_does_not_wait_for_answers_is_cut_off() -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    transport, _ = receive([request * MAX_WAITING])
    assert transport.sent.count(b"HTTP/1.1 200 OK") == MAX_WAITING
    transport, protocol = receive([request * 5_000])
    assert transport.closed
    assert len(protocol.pipeline) <= bounded._SLICE // len(request)


@pytest.mark.parametrize("end", [b"0\r\n" + b"a:b\r\n" * 60_000, b"0\r\na: " + b"x" * 600_000, b"1;" + b"x" * 600_000])
def test_what_is_beside_a_body_is_bounded_too(end: bytes) -> None:
    transport, _ = receive([CHUNKED, *(end[start : start + PACKET] for start in range(0, len(end), PACKET))])
    assert transport.closed


@pytest.mark.parametrize("size", [1, 1_000, PACKET])
def test_a_body_has_no_bound_here(size: int) -> None:
    """The application knows what it takes."""
    body = b"x" * min(1 << 20, 5_000 * size)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    transport, _ = receive([head, *parts])
    assert transport.sent.endswith(b"\r\n\r\n%d" % len(body))
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts]
    transport, _ = receive([CHUNKED, *chunks, b"0\r\n\r\n"])
    assert transport.sent.endswith(b"\r\n\r\n%d" % len(body))


def test_the_largest_head_is_served() -> None:
    fields = b"".join(b"ce-x%d: %s\r\n" % (n, b"v" * 64) for n in range(900))
    transport, _ = receive([b"POST / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
    assert len(fields) > 64 << 10
    assert transport.sent.count(b"HTTP/1.1 200 OK") == 2


OFFER = (
    b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 14\r\n"
    b"HTTP2-Settings: AAEA\r\nUpgrade: h2c\r\n\r\n"
)
TEXT = b"\r\nUpgrade: h2c"[:14]


@pytest.mark.parametrize("packets", [[OFFER + TEXT] * 2, [OFFER, TEXT] * 2, [OFFER, TEXT[:3], TEXT[3:], OFFER + TEXT]])
def test_an_offer_of_another_protocol_costs_no_body(packets: list[bytes]) -> None:
    """As Java's own client sends each request. The text of a body is left alone."""
    transport, _ = receive(packets)
    assert transport.sent.count(b"HTTP/1.1 200 OK") == 2
    assert transport.sent.endswith(b"\r\n\r\n14")


async def refusing(_: Scope, __: Receive, send: Send) -> None:
    """Answers before the body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize("field", [b"\r\nUpgrade:", b"\r\nupgrade :"])
def test_a_body_is_no_head_although_its_answer_is_there(field: bytes) -> None:
    """Two bytes more for each field would make a request of the rest."""
    inner = b"GET /readyz HTTP/1.1\r\nHost: xx\r\n\r\n"
    body = b"a" + field * (len(inner) // 2) + b"\r\n\r\n" + inner
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    for packets in ([head, body], [head, body[:5], body[5:]]):
        transport, _ = receive(packets, refusing)
        assert transport.sent.count(b"HTTP/1.1 ") == 1
        transport, _ = receive([*packets, inner], refusing)
        assert transport.sent.count(b"HTTP/1.1 401 ") == 2


def test_what_is_no_http_is_a_problem() -> None:
    transport, _ = receive([b"\x16\x03\x01\x02\x00"])
    assert transport.sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert refusal(transport.sent)["type"] == "/problems/not-http"


PIECES = st.sampled_from(
    [
        b"GET",
        b"POST / HTTP/1.1\r\n",
        b"\r\n",
        b"\r\n\r\n",
        CHUNKED,
        b"Content-Length: 3\r\n",
        b"ce-a: b\r\n",
        b"0\r\n\r\n",
    ]
)


@given(st.lists(st.binary(max_size=40) | PIECES, max_size=12))
def test_no_bytes_break_a_connection(packets: list[bytes]) -> None:
    transport, _ = receive(packets)
    assert b" 500 " not in transport.sent
