"""A request, a response and a route in plain ASGI, as little of them as a hot route needs.

In: an ASGI call. Out: a whole answer; whatever a handler raises is answered by a problem (RFC 9457). An
:class:`Endpoint` is an ASGI application, so that Starlette can route to it; a hot one can also be called directly, with
no framework in between (ARCHITECTURE.md has what that saves).
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response as StarletteResponse

from lakehouse.http.problems import CONTENT_TYPE, Kind, ProblemError, internal_error

Headers = list[tuple[bytes, bytes]]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

EXTENSION = "http.response.whole"
"""Of a scope: a function that sends a whole answer at once (``whole_answers``)."""
_WITHOUT_LENGTH = (204, 304)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    """Names in lower case; values of a repeated header are joined by commas."""
    path_parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Scope) -> "Request":
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b", " + value if name in headers else value
        return cls(scope["method"], scope["path"], scope["query_string"], headers, scope.get("path_params", {}))

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Response:
    body: bytes
    status: int = 200
    headers: Headers = field(default_factory=list)


Handler = Callable[[Scope, Receive], Awaitable[Response]]


class Endpoint:
    """Handlers by method, as an ASGI application. ``answered`` gets the status of each answer and the instant
    (``time.perf_counter``) at which its request came; ``headers`` are those that problems carry here."""

    def __init__(
        self, methods: Mapping[str, Handler], answered: Callable[[int, float], None], headers: Headers | None = None
    ) -> None:
        self.methods = methods
        self._answered = answered
        self._headers = headers or []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        try:
            response = await self._handler(scope["method"])(scope, receive)
        except ProblemError as problem:
            response = problem_response(problem, self._headers)
        except Exception:
            _log.exception("request failed: %s %s", scope["method"], scope["path"])
            response = problem_response(internal_error(), self._headers)
        await _send(scope, send, response)
        self._answered(response.status, started)

    def _handler(self, method: str) -> Handler:
        handler = self.methods.get(method)
        if handler is None:
            allowed = {"Allow": ", ".join(self.methods)}
            raise ProblemError(Kind.METHOD_NOT_ALLOWED, f"use {next(iter(self.methods))}", headers=allowed)
        return handler


def problem_response(problem: ProblemError, headers: Headers | None = None) -> Response:
    """``headers``: those that every problem of the route carries."""
    kind = problem.kind
    members = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": problem.detail}
    named = {"content-type": CONTENT_TYPE, "cache-control": "no-store"}
    named |= {name.lower(): value for name, value in problem.headers.items()}
    encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in named.items()]
    return Response(msgspec.json.encode(members | problem.members), kind.status, encoded + (headers or []))


def as_starlette(response: Response) -> StarletteResponse:
    """For a handler of FastAPI."""
    made = StarletteResponse(response.body, response.status)
    made.raw_headers = with_length(response)
    return made


async def _send(scope: Scope, send: Send, response: Response) -> None:
    headers, body = with_length(response), b"" if scope["method"] == "HEAD" else response.body
    at_once = scope.get("extensions", {}).get(EXTENSION)
    if at_once is None or not at_once(response.status, headers, body):
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def with_length(response: Response) -> Headers:
    """The headers of a response, that of its body's length included."""
    if response.status in _WITHOUT_LENGTH:
        return response.headers
    return [*response.headers, (b"content-length", str(len(response.body)).encode())]
