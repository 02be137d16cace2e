"""HTTP/1.1 on one connection, within bounds: no head, and no run of requests, costs more than some milliseconds.

In: the bytes of a connection. Out: requests; one that is out of bounds is answered by a problem before anything is done
for it, and the connection is closed. uvicorn's parser takes a head of any length, before anybody has shown a token:
50 MB of one header hold the loop for seconds. Promise: whatever a connection sends, the loop is held for less than
20 ms at a time, and what waits in memory is bounded.
"""

from lakehouse.http import heads
from lakehouse.http.deadlines import DeadlineHttp
from lakehouse.http.problems import Kind, ProblemError

MAX_HEAD_BYTES = 80 << 10
"""The attributes of an event in binary mode are at most 64 KiB."""
MAX_HEADERS = 1_000
MAX_WAITING = 16
"""Requests that a client may send before the first of them is answered."""
_SLICE = 16 << 10
"""How much is read at once: the bounds are looked at in between."""


class BoundedHttp(DeadlineHttp):
    """``_head`` is never less than the bytes since the last one that belonged to a body or ended a head; it may be more
    by what was read at once (``_read``)."""

    _head = 0
    _read = 0

    def on_headers_complete(self) -> None:
        if len(self.headers) > MAX_HEADERS or (self._head > MAX_HEAD_BYTES and self._is_too_large()):
            raise _too_large()
        if len(self.pipeline) >= MAX_WAITING - 1:
            raise ProblemError(Kind.HEAD_TOO_LARGE, f"{MAX_WAITING} requests wait for their answers")
        self._head = self._read
        super().on_headers_complete()

    def _is_too_large(self) -> bool:
        return heads.size(self.parser.get_method(), self.url, self.headers) > MAX_HEAD_BYTES

    def on_body(self, body: bytes) -> None:
        self._head = self._read
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        if len(data) <= _SLICE:
            self._feed(data)
            return
        for start in range(0, len(data), _SLICE):
            self._feed(data[start : start + _SLICE])

    def _feed(self, data: bytes) -> None:
        if self._ending or self.transport.is_closing():
            return
        self._read = len(data)
        self._head += len(data)
        super().data_received(data)
        if (self._head > MAX_HEAD_BYTES + _SLICE or len(self.headers or ()) > MAX_HEADERS) and not self._ending:
            self._refuse(_too_large())


def _too_large() -> ProblemError:
    return ProblemError(Kind.HEAD_TOO_LARGE, f"a head has at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} fields")
