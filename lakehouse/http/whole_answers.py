"""The HTTP protocol of the services, which also takes a whole answer at once.

In: ASGI requests, each with the extension :data:`EXTENSION`: a function of status, headers and body. Out: the answer in
one write. Two messages are two system calls, and their checks cost a hot route more than its own work. An application
that does not know the extension answers as ever; so does one whose answer it declines.

Promise: what the client reads is what uvicorn would have written for the two messages. None of it is in an access log.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from lakehouse.http.asgi import EXTENSION, Headers, Response, Scope, with_length
from lakehouse.http.bounded import BoundedHttp


class WholeAnswers(BoundedHttp):
    """Given to uvicorn as ``http``."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        extensions: dict[str, Any] = {EXTENSION: partial(_answer, cycle)}
        cycle.scope["extensions"] = extensions
        super()._start_asgi_task(cycle, app)


def refusing(
    overloaded: Callable[[Scope], bool], refusal: Response, refused: Callable[[int], None]
) -> type[WholeAnswers]:
    """The same, which answers a request that is ``overloaded`` before anything is done for it. ``refused``
    counts the status. A refusal must cost little, or there is nothing left for what is not refused."""
    headers = with_length(refusal)

    class Refusing(WholeAnswers):
        def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
            scope: Any = cycle.scope
            if overloaded(scope) and _answer(cycle, refusal.status, headers, refusal.body):
                refused(refusal.status)
            else:
                super()._start_asgi_task(cycle, app)

    return Refusing


def _answer(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
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
