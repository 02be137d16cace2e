"""A request of an operator, checked in the order 401, 403, 413, before anything is looked at.

In: an HTTP request. Out: :class:`OpsRequest`, for handlers that know no HTTP. Parameters are checked last, by the
handler, because 404 comes before 400.
"""

import asyncio
import re
from dataclasses import dataclass, field

from fastapi import Request

from lakehouse.http.problems import Kind, ProblemError
from lakehouse.tokens import Scope, Verifier
from lakehouse.tokens.verify import bearer

TIMEOUT = 30.0
"""Seconds for the body to arrive."""
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class OpsRequest:
    """``actor`` is the token's ``sub``. ``query`` holds pairs as they came."""

    actor: str
    path: dict[str, str]
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def parameters(self, *known: str) -> dict[str, str]:
        """Raises 400 for an unknown or repeated one."""
        found: dict[str, str] = {}
        for name, value in self.query:
            if name not in known:
                raise bad(name, f"there is no such parameter; known are: {', '.join(known) or 'none'}")
            if name in found:
                raise bad(name, "is given twice")
            found[name] = value
        return found

    def numbers(self, *known: str) -> dict[str, int]:
        """Parameters that are positive integers. Raises 400."""
        return {name: _positive(name, value) for name, value in self.parameters(*known).items()}

    @property
    def key(self) -> str | None:
        """``Idempotency-Key``: the same key again gets the same operation. Raises 400."""
        key = self.headers.get("idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise bad("Idempotency-Key", "must be 1 to 200 visible ASCII characters")
        return key


def bad(name: str, detail: str) -> ProblemError:
    return ProblemError(Kind.BAD_PARAMETER, f"{name}: {detail}", members={"parameter": name})


def number_of(text: str) -> int | None:
    """A number in a path; None for what can be none."""
    return int(text) if _NUMBER.fullmatch(text) else None


def _positive(name: str, text: str) -> int:
    number = number_of(text)
    if number is None:
        raise bad(name, "must be a positive integer")
    return number


async def read_request(request: Request, verifier: Verifier, most: int) -> OpsRequest:
    """Raises the problem that is the answer. ``most`` bytes are read."""
    principal = verifier.verify(bearer(request.headers.get("authorization", "")))
    principal.require(Scope.OPS)
    try:
        async with asyncio.timeout(TIMEOUT):
            body = await _body(request, most)
    except TimeoutError as error:
        raise ProblemError(Kind.TIMEOUT, f"the body did not arrive within {TIMEOUT:.0f} s") from error
    return OpsRequest(
        principal.merchant_id,
        {name: str(value) for name, value in request.path_params.items()},
        tuple(request.query_params.multi_items()),
        body,
        dict(request.headers),
    )


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ProblemError(Kind.TOO_LARGE, f"the body may hold {most} bytes")
    return bytes(body)
