"""Clients that send nothing, or half of it, are gone after a while, and never too many."""

import asyncio
import resource
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

from lakehouse.http import deadlines
from lakehouse.http.asgi import Endpoint, Receive, Response, Scope
from lakehouse.http.bounded import BoundedHttp
from tests.support.http_protocol import Connection, request, some_turns

GET = request("GET /")
EARLY = request("POST /early", body="hello")
SLOW = request("GET /slow")
SECONDS = 0.1


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "HEAD_SECONDS", SECONDS)


async def answer(scope: Scope, receive: Receive) -> Response:
    if scope["path"] == "/slow":
        await asyncio.sleep(4 * SECONDS)
    return Response(b"well")


def run(test: Callable[[Connection], Awaitable[None]]) -> None:
    async def within() -> None:
        connection = Connection(Endpoint({"GET": answer, "POST": answer}, lambda *_: None), BoundedHttp)
        await test(connection)
        connection.protocol.connection_lost(None)

    asyncio.run(within())


@pytest.mark.parametrize(
    "packets",
    [
        [],
        [GET[:1]],
        [GET[:-1]],
        [b"\r\n"] * 20,
        [GET, GET[:5]],
        [GET, b"\r\n"],
        [EARLY[:-5], EARLY[-5:]],
        [EARLY[:-5], b"h", b"e"],
        [GET, GET[:9], GET[9:], GET[:9]],
    ],
)
def test_who_has_sent_nothing_whole_is_gone(packets: Sequence[bytes]) -> None:
    async def test(connection: Connection) -> None:
        for packet in packets:
            connection.protocol.data_received(packet)
            await some_turns()
        assert not connection.client.closed
        await asyncio.sleep(2 * SECONDS)
        assert connection.client.closed

    run(test)


@pytest.mark.parametrize("packets", [[GET], [GET[:9], GET[9:]], [EARLY], [EARLY[:30], EARLY[30:]]])
def test_who_has_sent_a_request_may_rest(packets: Sequence[bytes]) -> None:
    async def test(connection: Connection) -> None:
        for packet in packets:
            connection.protocol.data_received(packet)
        await asyncio.sleep(3 * SECONDS)
        assert not connection.client.closed

    run(test)


def test_bytes_that_drip_gain_no_time() -> None:
    async def test(connection: Connection) -> None:
        for at in range(len(GET) - 1):
            connection.protocol.data_received(GET[at : at + 1])
            await asyncio.sleep(SECONDS / 4)
        assert connection.client.closed

    run(test)


def test_an_answer_that_is_owed_is_given_first() -> None:
    async def test(connection: Connection) -> None:
        connection.protocol.data_received(SLOW + GET[:9])
        await asyncio.sleep(2 * SECONDS)
        assert (connection.written, connection.client.closed) == (b"", False)
        await asyncio.sleep(4 * SECONDS)
        assert connection.written.endswith(b"well")
        assert connection.client.closed

    run(test)


def test_no_timer_outlives_its_connection() -> None:
    async def test(connection: Connection) -> None:
        connection.protocol.data_received(GET[:9])
        connection.protocol.connection_lost(None)
        assert connection.protocol._deadline is None

    run(test)


def test_a_connection_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "most_connections", lambda: 0)

    async def test(connection: Connection) -> None:
        assert connection.written.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 2\r\n" in connection.written
        assert connection.client.closed
        connection.protocol.data_received(GET)
        await some_turns()
        assert connection.written.count(b"HTTP/1.1 ") == 1

    run(test)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The limits on open files, soft and hard, as they would be set."""
    made = [0, 0]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(made))
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: made.__setitem__(slice(None), to))
    deadlines.most_connections.cache_clear()
    yield made
    deadlines.most_connections.cache_clear()


NONE = resource.RLIM_INFINITY
ENOUGH = deadlines.MAX_CONNECTIONS + deadlines.RESERVED_FILES


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "connections"),
    [
        (1024, NONE, ENOUGH, deadlines.MAX_CONNECTIONS),
        (1024, 1 << 20, ENOUGH, deadlines.MAX_CONNECTIONS),
        (1024, 4096, 4096, 4096 - deadlines.RESERVED_FILES),
        (256, 256, 256, 128),
        (1 << 20, 1 << 20, 1 << 20, deadlines.MAX_CONNECTIONS),
        (NONE, NONE, NONE, deadlines.MAX_CONNECTIONS),
    ],
)
def test_connections_leave_files_to_the_service(
    limits: list[int], soft: int, hard: int, raised: int, connections: int
) -> None:
    limits[:] = soft, hard
    assert deadlines.most_connections() == connections
    assert limits == [raised, hard]
