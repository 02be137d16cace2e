"""An HTTP protocol of uvicorn's without a socket: bytes in, and what is written."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.server import ServerState

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


class Connection:
    """One connection to ``app``; made on a running loop. ``state`` is that of the server."""

    def __init__(self, app: Any, http: Any) -> None:
        config = uvicorn.Config(app, http=http, access_log=False, proxy_headers=False, log_config=None)
        config.load()
        self.state = ServerState()
        self.state.default_headers = [DATE]
        made: Any = config.http_protocol_class
        self.protocol, self.client = made(config=config, server_state=self.state, app_state={}), Client()
        self.protocol.connection_made(self.client)

    @property
    def written(self) -> bytes:
        return b"".join(self.client.writes)


async def some_turns() -> None:
    """Of the loop: more than any request here needs."""
    for _ in range(20):
        await asyncio.sleep(0)


def request(line: str, *headers: str, body: str = "") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", body]).encode()
