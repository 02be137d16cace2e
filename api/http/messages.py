"""A request and a response, as little of them as the routes need: plain ASGI, because a framework would cost more than
the numbers.

In: an ASGI scope. Out: a :class:`Request`; and from a :class:`Response` the ASGI messages.
"""

import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from api.http import negotiation
from api.http.negotiation import VARY, Media

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WORTH_COMPRESSING = 1024
"""Bytes."""

_CONTENT_TYPES = {Media.JSON: "application/json", Media.CSV: "text/csv; charset=utf-8; header=present"}
_VARY = (b"vary", VARY.encode())


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    """Names in lower case; values of a repeated header are joined by commas."""

    @classmethod
    def of(cls, scope: Scope) -> "Request":
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b", " + value if name in headers else value
        return cls(scope["method"], scope["path"], scope["query_string"], headers)

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Response:
    body: bytes
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


def plain(body: bytes, content_type: str = "application/json", status: int = 200) -> Response:
    """An answer that depends on the moment: never stored."""
    return Response(body, status, [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")])


def representation(request: Request, body: bytes, media: Media = Media.JSON) -> Response:
    """An answer that is a function of (release, query): with an ETag, compressed if wanted, or 304.

    ``no-cache`` lets clients keep it and makes them ask whether they still may see it: a revoked token may not.
    """
    gzipped = len(body) >= WORTH_COMPRESSING and negotiation.wants_gzip(request.header(b"accept-encoding"))
    tag = negotiation.etag(body, gzipped)
    headers = [(b"etag", tag.encode()), _VARY, (b"cache-control", b"private, no-cache")]
    if negotiation.matches(request.header(b"if-none-match"), tag):
        return Response(b"", 304, headers)
    headers.append((b"content-type", _CONTENT_TYPES[media].encode()))
    if gzipped:
        headers.append((b"content-encoding", b"gzip"))
        body = gzip.compress(body, compresslevel=5, mtime=0)
    return Response(body, 200, headers)


async def send_response(send: Send, request: Request, response: Response) -> None:
    headers = response.headers
    if response.status != 304:
        headers = [*headers, (b"content-length", str(len(response.body)).encode())]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})
