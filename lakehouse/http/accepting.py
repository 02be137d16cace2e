"""uvicorn's server, which accepts all connections that wait, not one for each turn of the loop.

In: an application. Out: the same, with each listening socket read twice: by uvloop, whose libuv accepts a single
connection a turn (1.52 does), and here, until none waits. A turn of a busy loop lasts a tenth of a second and more: one
connection a turn would have thousands of new clients wait for seconds, beside others that are served at once.
"""

import asyncio
import os
import socket
from typing import Any

import uvicorn

AT_ONCE = 256
"""A turn may accept so many: each takes some 50 microseconds."""


class Accepting(uvicorn.Server):
    """Accepts until its own shutdown begins."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listening: list[socket.socket] = []
        self._connecting: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for listening in (each for server in self.servers for each in server.sockets):
            ours = socket.socket(fileno=os.dup(listening.fileno()))
            ours.setblocking(False)
            self._listening.append(ours)
            loop.add_reader(ours, self._accept, ours)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for ours in self._listening:
            asyncio.get_running_loop().remove_reader(ours)
            ours.close()
        self._listening.clear()
        await super().shutdown(sockets)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _address = listening.accept()
            except OSError:  # none waits, or it has gone away, or there are too many open files
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.ensure_future(self._connect(connection))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()

    def _protocol(self) -> Any:
        made: Any = self.config.http_protocol_class
        return made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
