"""What the hot route answers: the receipt of contract 1, its problems, and what browsers ask before they send.

In: positions, refusals, reasons. Out: ASGI messages, or the problem to raise.
"""

from typing import Any

import msgspec

from ingestion.binary_mode import Headers
from ingestion.reasons import Reason, Refusal
from ingestion.request import ScopeMap
from ingestion.segment_log import Position
from lakehouse.http.problems import Kind, ProblemError, Send
from lakehouse.tokens import Scope

RETRY_SECONDS = 2
CORS: Headers = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after")]
_PREFLIGHT: Headers = [
    (b"allow", b"POST, OPTIONS"),
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"*, authorization, content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
]
_encode = msgspec.json.Encoder().encode


def taken(edge: str, position: Position | None, durable: str, refusals: list[Refusal]) -> bytes:
    """The body of a 202. ``position`` is None for a request without events."""
    segment, first, last = (position.segment, position.first, position.last) if position else (None, None, None)
    receipt = {"edge": edge, "segment": segment, "first": first, "last": last, "durable": durable}
    count = position.last - position.first + 1 if position else 0
    return _encode({"accepted": count, "rejected": _rows(refusals), "receipt": receipt})


def all_rejected(refusals: list[Refusal]) -> ProblemError:
    """400; 403 if it is the token that stands in the way of every event."""
    members = {"accepted": 0, "rejected": _rows(refusals)}
    if all(refusal.reason is Reason.FORBIDDEN_TYPE for refusal in refusals):
        return ProblemError(Kind.FORBIDDEN, f"the token needs the scope {Scope.EVENTS_WRITE}", members=members)
    return ProblemError(Kind.ALL_REJECTED, "no event of this request was accepted", members=members)


def unavailable(detail: str) -> ProblemError:
    return ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_SECONDS)})


async def accepted(send: Send, body: bytes) -> None:
    """202."""
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length), *CORS]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def preflight(send: Send, scope: ScopeMap) -> None:
    """CORS, and the handshake of CloudEvents' webhooks: any origin may ask, the token decides."""
    headers = CORS + _PREFLIGHT
    for name, value in scope["headers"]:
        if name == b"webhook-request-origin":
            headers = [*headers, (b"webhook-allowed-origin", value), (b"webhook-allowed-rate", b"*")]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _rows(refusals: list[Refusal]) -> list[dict[str, Any]]:
    return [{"index": one.index, "id": one.id, "reason": one.reason.value, "detail": one.detail} for one in refusals]
