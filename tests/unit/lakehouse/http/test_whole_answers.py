"""A whole answer in one write is what uvicorn writes for the two messages of ASGI."""

import asyncio
import re
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from lakehouse.http.asgi import Endpoint, Receive, Response, Scope
from lakehouse.http.whole_answers import WholeAnswers

BODY = b'{"taken":true}'
DATE = (b"date", b"Sun, 29 Nov 2026 10:00:00 GMT")


class Client(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def answer(scope: Scope, receive: Receive) -> Response:
    body = (await receive())["body"]
    if scope["query_string"] == b"nothing":
        return Response(b"", 204)
    return Response(BODY + body, 202, [(b"content-type", b"application/json")])


ENDPOINT = Endpoint({"GET": answer, "HEAD": answer, "POST": answer}, lambda *_: None)


async def ask(http: Any, requests: bytes, paused: bool = False) -> Client:
    config = uvicorn.Config(ENDPOINT, http=http, access_log=False, proxy_headers=False, log_config=None)
    config.load()
    state = ServerState()
    state.default_headers = [DATE]
    made: Any = config.http_protocol_class
    protocol, client = made(config=config, server_state=state, app_state={}), Client()
    protocol.connection_made(client)
    if paused:
        protocol.pause_writing()
    protocol.data_received(requests)
    for _ in range(20):
        await asyncio.sleep(0)
    if paused:
        assert not client.writes
        protocol.resume_writing()
        for _ in range(20):
            await asyncio.sleep(0)
    assert not state.tasks
    protocol.connection_lost(None)
    return client


def request(line: str, *headers: str, body: str = "") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", body]).encode()


@pytest.mark.parametrize(
    ("requests", "answers"),
    [
        (request("POST /p", body="hello"), 1),
        (request("HEAD /p"), 1),
        (request("GET /p?nothing"), 1),
        (request("DELETE /p"), 1),
        (request("POST /p", "Connection: close", body="hello"), 1),
        (request("POST /p", "Expect: 100-continue", body="hello"), 2),
        (request("POST /p", body="a") + request("POST /p", body="b"), 2),
    ],
    ids=["post", "head", "no content", "not allowed", "close", "continue", "pipelined"],
)
def test_the_bytes_are_uvicorns_and_each_answer_is_one_write(requests: bytes, answers: int) -> None:
    as_ever, at_once = (asyncio.run(ask(http, requests)) for http in ("httptools", WholeAnswers))
    assert b"".join(at_once.writes) == b"".join(as_ever.writes) != b""
    assert at_once.closed == as_ever.closed
    assert len(at_once.writes) == answers


def test_a_client_that_does_not_read_is_waited_for() -> None:
    client = asyncio.run(ask(WholeAnswers, request("POST /p", body="hello"), paused=True))
    assert re.fullmatch(rb"HTTP/1.1 202 .*\r\n\r\n\{.*\}hello", b"".join(client.writes), re.DOTALL)
