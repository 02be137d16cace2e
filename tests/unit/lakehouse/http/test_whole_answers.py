"""A whole answer in one write is what uvicorn writes for the two messages of ASGI."""

import asyncio
import re
from typing import Any

import pytest

from lakehouse.http.asgi import Endpoint, Receive, Response, Scope
from lakehouse.http.hot_route import HotRoute, serving
from lakehouse.http.whole_answers import WholeAnswers
from tests.support.http_protocol import Client, Connection, request, some_turns

BODY = b'{"taken":true}'


async def answer(scope: Scope, receive: Receive) -> Response:
    body = (await receive())["body"]
    if scope["query_string"] == b"nothing":
        return Response(b"", 204)
    return Response(BODY + body, 202, [(b"content-type", b"application/json")])


HOT = serving(HotRoute(lambda _: True, lambda: False, Response(b"", 503), lambda _: None))
ENDPOINT = Endpoint({"GET": answer, "HEAD": answer, "POST": answer}, lambda *_: None)


async def ask(http: Any, requests: bytes, paused: bool = False) -> Client:
    connection = Connection(ENDPOINT, http)
    if paused:
        connection.protocol.pause_writing()
    connection.protocol.data_received(requests)
    await some_turns()
    if paused:
        assert not connection.client.writes
        connection.protocol.resume_writing()
        await some_turns()
    assert not connection.state.tasks
    connection.protocol.connection_lost(None)
    return connection.client


@pytest.mark.parametrize("http", [WholeAnswers, HOT], ids=["whole", "hot"])
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
def test_the_bytes_are_uvicorns_and_each_answer_is_one_write(http: Any, requests: bytes, answers: int) -> None:
    as_ever, at_once = (asyncio.run(ask(each, requests)) for each in ("httptools", http))
    assert b"".join(at_once.writes) == b"".join(as_ever.writes) != b""
    assert at_once.closed == as_ever.closed
    assert len(at_once.writes) == answers


@pytest.mark.parametrize("http", [WholeAnswers, HOT], ids=["whole", "hot"])
def test_a_client_that_does_not_read_is_waited_for(http: Any) -> None:
    client = asyncio.run(ask(http, request("POST /p", body="hello"), paused=True))
    assert re.fullmatch(rb"HTTP/1.1 202 .*\r\n\r\n\{.*\}hello", b"".join(client.writes), re.DOTALL)
