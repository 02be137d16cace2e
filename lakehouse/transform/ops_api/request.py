"""A request of an operator, checked in the order 401, 403, 413, before anything is looked at.

In: an HTTP request. Out: :class:`OpsRequest`, for handlers that read no HTTP. Parameters are checked last, by the
handler, because 404 comes before 400.
"""

import asyncio
import re
from dataclasses import dataclass

from fastapi import Request as StarletteRequest

from lakehouse.http.asgi import Request
from lakehouse.http.parameters import parameters
from lakehouse.http.problems import BadParameterError, Kind, ProblemError
from lakehouse.tokens import Scope, Verifier
from lakehouse.tokens.verify import bearer

TIMEOUT = 30.0
"""Seconds for the body to arrive."""
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class OpsRequest:
    """``actor`` is the token's ``sub``."""

    actor: str
    http: Request
    body: bytes = b""

    def parameters(self, *known: str) -> dict[str, str]:
        """Raises 400 for an unknown or repeated one."""
        return parameters(self.http.query, known)

    @property
    def key(self) -> str | None:
        """``Idempotency-Key``: the same key again gets the same operation. Raises 400."""
        key = self.http.header(b"idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise BadParameterError("Idempotency-Key", "must be 1 to 200 visible ASCII characters")
        return key


def number_of(text: str) -> int | None:
    """A number in a path; None for what can be none."""
    return int(text) if _NUMBER.fullmatch(text) else None


async def read_request(request: StarletteRequest, verifier: Verifier, most: int) -> OpsRequest:
    """Raises the problem that is the answer. ``most`` bytes are read."""
    http = Request.of(request.scope)
    principal = verifier.verify(bearer(http.header(b"authorization") or ""))
    principal.require(Scope.OPS)
    try:
        async with asyncio.timeout(TIMEOUT):
            body = await _body(request, most)
    except TimeoutError as error:
        raise ProblemError(Kind.TIMEOUT, f"the body did not arrive within {TIMEOUT:.0f} s") from error
    return OpsRequest(principal.merchant_id, http, body)


async def _body(request: StarletteRequest, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ProblemError(Kind.TOO_LARGE, f"the body may hold {most} bytes")
    return bytes(body)
