"""HTTP/1.1 on one connection, within bounds: no head, and no run of requests, costs more than some milliseconds.

In: the bytes of a connection. Out: requests, as uvicorn's own protocol makes them; what is out of bounds or no HTTP is
answered by a problem, and the connection is closed. uvicorn's parser takes a head of any length, before anybody has
shown a token: 50 MB of one header hold the loop for seconds. Promise: whatever a connection sends, the loop is held for
less than 20 ms at a time, and what waits in memory is bounded.
"""

import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lakehouse.http.asgi import problem_response
from lakehouse.http.problems import Kind, ProblemError

MAX_HEAD_BYTES = 80 << 10
"""The attributes of an event in binary mode are at most 64 KiB."""
MAX_HEADERS = 1_000
MAX_WAITING = 16
"""Requests that a client may send before the first of them is answered."""
_SLICE = 16 << 10
"""How much is read at once: the bounds are looked at in between."""
_UPGRADE = re.compile(rb"\r\nupgrade(?=[ \t]*:)", re.IGNORECASE)
_STATUS = {Kind.HEAD_TOO_LARGE: b"431 Request Header Fields Too Large", Kind.NOT_HTTP: b"400 Bad Request"}


class BoundedHttp(HttpToolsProtocol):
    """``_head`` are the bytes since the last one that belonged to a body or ended a head. ``_in_body``: between the end
    of a head and that of its message, whether it is answered or not."""

    _head = 0
    _in_body = False

    def on_headers_complete(self) -> None:
        self._head = 0
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        if len(data) <= _SLICE:
            self._feed(data)
            return
        for start in range(0, len(data), _SLICE):
            self._feed(data[start : start + _SLICE])

    def _feed(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._head += len(data)
        super().data_received(data if self._in_body or b"pgrade" not in data else _without_upgrade(data))
        if self._head > MAX_HEAD_BYTES or len(self.headers or ()) > MAX_HEADERS or len(self.pipeline) > MAX_WAITING:
            self._refuse(Kind.HEAD_TOO_LARGE, f"a head has at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} fields")

    def send_400_response(self, msg: str) -> None:
        self._refuse(Kind.NOT_HTTP, msg)

    def _refuse(self, kind: Kind, detail: str) -> None:
        """An answer that is under way is cut off; there is no place for another one."""
        if self.cycle is None or self.cycle.response_complete:
            response = problem_response(ProblemError(kind, detail))
            headers: list[Any] = [*response.headers, (b"content-length", b"%d" % len(response.body))]
            lines = [b"%s: %s\r\n" % header for header in (*headers, (b"connection", b"close"))]
            self.transport.write(b"HTTP/1.1 " + _STATUS[kind] + b"\r\n" + b"".join(lines) + b"\r\n" + response.body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """A head that offers no other protocol. Java's own client offers h2c with each request; the parser takes no body
    behind such an offer, so that the events were lost. A server may ignore it (RFC 9110, 7.8)."""
    head, end, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(rb"\r\nx-upgrade", head) + end + body
