"""A client that sends nothing costs nothing for long, however many of them there are.

In: connections. Out: those whose head is not whole in time are closed, and so are those beyond as many as the process
has files for. Promise: no number of connections, with a token or without, takes the files that the service itself
needs, and none is kept open by bytes that come to nothing.
"""

import resource
from asyncio import TimerHandle, Transport
from functools import cache

from lakehouse.http.framing import FramedHttp
from lakehouse.http.problems import Kind, ProblemError

HEAD_SECONDS = 30.0
"""For a whole head, from its first byte on, or from that of the connection. (uvicorn closes those that are idle.)"""
MAX_CONNECTIONS = 10_000
RESERVED_FILES = 512
"""For logs, and for connections to others; half of all, where the system gives fewer than twice as many."""


class DeadlineHttp(FramedHttp):
    """``_deadline`` runs while the client has to send something that is worth an answer."""

    _deadline: TimerHandle | None = None
    _in_head = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            detail = "too many connections are open; send again"
            self._refuse(ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"}))
        else:
            self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._deadline is None and (self._in_head or self._is_idle()):
            self._set_deadline()

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unset_deadline()
        super().on_headers_complete()

    def _is_idle(self) -> bool:
        """Bytes have come, nothing is owed for them, and no other timer runs: empty lines, or a body whose answer was
        there before it."""
        return self.timeout_keep_alive_task is None and not self._is_owing()

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._end_after_what_is_owed)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@cache
def most_connections() -> int:
    """Of this process, whose limit on open files is raised as far as that needs and the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MAX_CONNECTIONS + RESERVED_FILES
    if soft == resource.RLIM_INFINITY or soft >= files:
        return MAX_CONNECTIONS
    files = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(files // 2, files - RESERVED_FILES)
