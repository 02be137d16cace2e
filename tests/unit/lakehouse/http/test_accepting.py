"""A burst of new clients is let in at once, also while the loop's turns are long."""

import asyncio
import socket
import time
from typing import Any

import uvicorn
import uvloop

from lakehouse.http.accepting import Accepting
from lakehouse.http.asgi import Endpoint, Receive, Response, Scope

CLIENTS = 200


async def answer(scope: Scope, receive: Receive) -> Response:
    return Response(b"well")


def test_connections_do_not_wait_for_a_turn_each() -> None:
    """A turn takes 20 ms here: one connection a turn would take all of them ten times as many turns as there are."""
    turns = 0

    async def within() -> tuple[int, list[bytes]]:
        nonlocal turns
        app = Endpoint({"GET": answer}, lambda *_: None)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None, backlog=1024)
        server = Accepting(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()
        clients = [socket.create_connection(address) for _ in range(CLIENTS)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while len(server.server_state.connections) or server.server_state.total_requests < CLIENTS:
            turns += 1
            time.sleep(0.02)
            await asyncio.sleep(0)
        answers = await asyncio.to_thread(lambda: [_all_of(client) for client in clients])
        server.should_exit = True
        await serving
        refused = await asyncio.to_thread(_is_refused, address)
        assert refused, "nothing listens any more"
        return turns, answers

    turns, answers = uvloop.run(within())
    assert all(one.startswith(b"HTTP/1.1 200") and one.endswith(b"well") for one in answers)
    assert turns < CLIENTS / 4


def _all_of(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(65536), b""))


def _is_refused(address: Any) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False
