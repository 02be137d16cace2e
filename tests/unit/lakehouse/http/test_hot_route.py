"""A hot route's requests are handled as they are read, and counted before the next one is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.http.asgi import Endpoint, Receive, Response, Scope
from lakehouse.http.hot_route import HotRoute, serving
from tests.support.http_protocol import Connection, request, some_turns

MOST = 3
POST = request("POST /hot", body="hello")


class Service:
    """Takes ``MOST`` requests at once; each is answered when it is let go. ``in_tasks`` says of each whether it had a
    task of its own, apart from that of the test."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[bytes]] = []
        self.in_tasks: list[bool] = []
        self.test = asyncio.current_task()
        self.refused: list[int] = []
        self.endpoint = Endpoint({"POST": self.take}, lambda *_: None)
        self.at_work = 0
        route = HotRoute(lambda scope: scope["path"] == "/hot", self.is_full, Response(b"no", 503), self.refused.append)
        self.http = serving(route)

    def is_full(self) -> bool:
        return self.at_work >= MOST

    async def take(self, scope: Scope, receive: Receive) -> Response:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.in_tasks.append(asyncio.current_task() is not self.test)
        self.at_work += 1
        try:
            future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self.waiting.append(future)
            return Response(body + await future, 202)
        finally:
            self.at_work -= 1

    def let_go(self, text: bytes = b"!") -> None:
        for future in self.waiting:
            future.set_result(text)
        self.waiting.clear()


def run(test: Callable[[Service], Awaitable[None]]) -> None:
    async def within() -> None:
        await test(Service())

    asyncio.run(within())


def test_a_whole_request_needs_no_task_and_another_route_has_one() -> None:
    async def test(service: Service) -> None:
        connection = Connection(service.endpoint, service.http)
        connection.protocol.data_received(POST)
        assert (len(service.waiting), service.in_tasks) == (1, [False])
        service.let_go()
        await some_turns()
        assert connection.written.endswith(b"hello!")
        connection.protocol.data_received(request("POST /other", body="hello"))
        assert not service.waiting
        await some_turns()
        assert service.in_tasks == [False, True]
        service.let_go()
        await some_turns()
        assert connection.written.endswith(b"hello!")

    run(test)


@given(st.integers(1, len(POST) - 1))
def test_a_body_that_comes_later_is_waited_for(cut: int) -> None:
    async def test(service: Service) -> None:
        connection = Connection(service.endpoint, service.http)
        connection.protocol.data_received(POST[:cut])
        await some_turns()
        assert not service.waiting
        connection.protocol.data_received(POST[cut:])
        await some_turns()
        service.let_go()
        await some_turns()
        assert connection.written.endswith(b"hello!")
        assert not connection.state.tasks

    run(test)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_no_burst_is_more_than_the_bound(bursts: list[int]) -> None:
    """All requests of a burst are read in one turn of the loop."""

    async def test(service: Service) -> None:
        taken = refused = 0
        for size in bursts:
            connections = [Connection(service.endpoint, service.http) for _ in range(size)]
            for connection in connections:
                connection.protocol.data_received(POST)
            taken, refused = taken + min(size, MOST), refused + max(0, size - MOST)
            assert (len(service.waiting), service.refused) == (min(size, MOST), [503] * refused)
            service.let_go()
            await some_turns()
            assert sorted(one.written.split()[1] for one in connections) == sorted(
                [b"202"] * min(size, MOST) + [b"503"] * max(0, size - MOST)
            )
        assert len(service.in_tasks) == taken

    run(test)


def test_what_it_waits_for_may_fail() -> None:
    async def test(service: Service) -> None:
        connection = Connection(service.endpoint, service.http)
        connection.protocol.data_received(POST)
        service.waiting.pop().set_exception(OSError("the disk"))
        await some_turns()
        assert connection.written.startswith(b"HTTP/1.1 500 ")
        assert service.at_work == 0

    run(test)


@pytest.mark.parametrize("later", [1, MOST])
def test_requests_of_one_connection_are_answered_in_their_order(later: int) -> None:
    async def test(service: Service) -> None:
        connection = Connection(service.endpoint, service.http)
        connection.protocol.data_received(b"".join(request("POST /hot", body=str(n)) for n in range(later + 1)))
        for n in range(later + 1):
            assert len(service.waiting) == 1
            service.let_go()
            await some_turns()
            assert connection.written.endswith(f"{n}!".encode())

    run(test)


def test_a_client_that_goes_away_takes_no_place() -> None:
    async def test(service: Service) -> None:
        connection = Connection(service.endpoint, service.http)
        connection.protocol.data_received(POST)
        connection.protocol.connection_lost(None)
        service.let_go()
        await some_turns()
        assert (connection.written, service.at_work) == (b"", 0)

    run(test)


def test_a_body_that_stops_behind_another_request_is_waited_for_by_the_application() -> None:
    """Which knows how long it waits."""

    async def test(service: Service) -> None:
        connection = Connection(service.endpoint, service.http)
        connection.protocol.data_received(POST + POST[:-1])
        service.let_go()
        await some_turns()
        assert connection.written.endswith(b"hello!")
        assert connection.state.tasks
        connection.protocol.data_received(POST[-1:])
        await some_turns()
        service.let_go()
        await some_turns()
        assert connection.written.count(b"hello!") == 2

    run(test)
