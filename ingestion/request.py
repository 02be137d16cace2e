"""A request's headers in one pass, and its body within bounds.

In: an ASGI scope and ``receive``. Out: the few headers that matter, and the bytes as they came; or 413, 408, 400.
"""

import asyncio
from collections.abc import Callable

from ingestion import content_headers
from ingestion.trace_context import trace_context
from lakehouse.http.asgi import Headers, Receive, Scope
from lakehouse.http.problems import Kind, ProblemError

_KNOWN = frozenset(
    {b"content-type", b"content-encoding", b"content-length", b"authorization", b"traceparent", b"tracestate"}
)
_LONGEST_LENGTH = 20
BODY_SECONDS = 30.0
DRAIN_BYTES = 16 << 20
"""How much of a body that is too large is read before the answer, so that a client that writes first can read it."""


class Request:
    """``ce`` are the headers of CloudEvents' binary mode; the others are None where they are absent."""

    __slots__ = ("authorization", "ce", "encoding", "length", "query", "specversion", "trace", "type")

    def __init__(self, scope: Scope) -> None:
        fields: dict[bytes, list[bytes]] = {}
        self.ce: Headers = []
        for name, value in scope["headers"]:
            if name.startswith(b"ce-"):
                self.ce.append((name, value))
            elif name in _KNOWN:
                fields.setdefault(name, []).append(value)
        self.specversion = any(name == b"ce-specversion" for name, _ in self.ce)
        self.type = _joined(fields.get(b"content-type"))
        self.encoding = _joined(fields.get(b"content-encoding"))
        self.authorization = _joined(fields.get(b"authorization"))
        self.trace = trace_context(_joined(fields.get(b"traceparent")), _joined(fields.get(b"tracestate")))
        self.query = scope.get("query_string", b"").decode("latin-1")
        length = _joined(fields.get(b"content-length")) or ""
        self.length = int(length) if len(length) < _LONGEST_LENGTH and length.isdecimal() else 0


async def read_body(request: Request, receive: Receive, limit: int, charge: Callable[[int], None]) -> bytes:
    """The whole body as it came, of at most ``limit`` bytes. ``charge`` gets the number of bytes as they come."""
    if request.length > DRAIN_BYTES:
        raise content_headers.too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ProblemError(Kind.UNREADABLE_BODY, "the body is not whole")
    body: bytes = message.get("body", b"")
    charge(len(body))
    if message.get("more_body"):
        try:
            body = await asyncio.wait_for(_read_rest(body, receive, limit, charge), BODY_SECONDS)
        except TimeoutError as error:
            raise ProblemError(Kind.TIMEOUT, f"the body took more than {BODY_SECONDS:.0f} s") from error
    if len(body) > limit:
        raise content_headers.too_large(limit)
    return body


async def _read_rest(first: bytes, receive: Receive, limit: int, charge: Callable[[int], None]) -> bytes:
    """Of a body that is too large, only so much is kept as shows it."""
    parts, size, more = [first], len(first), True
    while more and size <= DRAIN_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(Kind.UNREADABLE_BODY, "the body is not whole")
        part: bytes = message.get("body", b"")
        charge(len(part))
        if size <= limit:
            parts.append(part)
        size += len(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _joined(values: list[bytes] | None) -> str | None:
    return None if values is None else b", ".join(values).decode("latin-1")
