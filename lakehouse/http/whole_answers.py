"""The HTTP protocol of the services, which also takes a whole answer at once.

In: ASGI requests, each with the extension :data:`EXTENSION`: a function of status, headers and body. Out: the answer in
one write. Two messages are two system calls, and their checks cost a hot route more than its own work. An application
that does not know the extension answers as ever; so does one whose answer it declines.

Promise: what the client reads is what uvicorn would have written for the two messages. None of it is in an access log.
"""

from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from lakehouse.http.asgi import EXTENSION, Headers
from lakehouse.http.bounded import BoundedHttp


class WholeAnswers(BoundedHttp):
    """Given to uvicorn as ``http``."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        extend(cycle)
        super()._start_asgi_task(cycle, app)


def extend(cycle: RequestResponseCycle) -> None:
    """Gives a request the extension."""
    extensions: dict[str, Any] = {EXTENSION: partial(answer, cycle)}
    cycle.scope["extensions"] = extensions


def answer(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
    """False if this answer is to be sent as two messages. ``headers`` are in lower case, have the body's length, and
    close no connection."""
    if cycle.response_started or cycle.flow.write_paused:
        return False
    if cycle.disconnected:
        return True
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    parts = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
    parts.append(body)
    cycle.transport.write(b"".join(parts))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
