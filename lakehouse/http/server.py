"""Serves an application in a thread beside the service's own loop.

In: an application and an address. Out: answers from now on, until it is closed; an address that is taken stops the
start.
"""

import socket
import threading
from typing import Any

import uvicorn

from lakehouse.http.bounded import BoundedHttp

_GRACE = 5
"""Seconds for requests that are at work when it is closed."""


class Listening:
    """An ASGI application on a port. ``port`` 0 takes a free one."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._socket = socket.create_server((host, port), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=BoundedHttp,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server = uvicorn.Server(config)
        # In a thread the server leaves signals to the service.
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(2 * _GRACE)
