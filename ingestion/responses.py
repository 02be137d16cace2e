"""The responses of the hot route: the receipt of contract 1, its problems, and the CORS preflight of browsers.

In: positions and rejections. Out: responses, or the problem to raise.
"""

from typing import Any

import msgspec

from ingestion.rejections import Reason, Rejection
from ingestion.segment_log import Position
from lakehouse.http import asgi
from lakehouse.http.asgi import Headers, Response
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.tokens import Scope

RETRY_SECONDS = 2
CORS: Headers = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after")]
_PREFLIGHT: Headers = [
    (b"allow", b"POST, OPTIONS"),
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"*, authorization, content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
]
_ACCEPTED: Headers = [(b"content-type", b"application/json"), *CORS]
_encode = msgspec.json.Encoder().encode


def taken(edge: str, position: Position | None, durable: str, rejections: list[Rejection]) -> bytes:
    """The body of a 202. ``position`` is None for a request without events."""
    segment, first, last = (position.segment, position.first, position.last) if position else (None, None, None)
    receipt = {"edge": edge, "segment": segment, "first": first, "last": last, "durable": durable}
    count = position.last - position.first + 1 if position else 0
    return _encode({"accepted": count, "rejected": _rows(rejections), "receipt": receipt})


def all_rejected(rejections: list[Rejection]) -> ProblemError:
    """400; 403 if it is the token that stands in the way of every event."""
    members = {"accepted": 0, "rejected": _rows(rejections)}
    if all(rejection.reason is Reason.FORBIDDEN_TYPE for rejection in rejections):
        return ProblemError(Kind.FORBIDDEN, f"the token needs the scope {Scope.EVENTS_WRITE}", members=members)
    return ProblemError(Kind.ALL_REJECTED, "no event of this request was accepted", members=members)


def unavailable(detail: str) -> ProblemError:
    return ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_SECONDS)})


def accepted(body: bytes) -> Response:
    return Response(body, 202, _ACCEPTED)


async def preflight(scope: asgi.Scope, _: asgi.Receive) -> Response:
    """CORS, and the handshake of CloudEvents' webhooks: any origin may ask, the token decides."""
    headers = CORS + _PREFLIGHT
    for name, value in scope["headers"]:
        if name == b"webhook-request-origin":
            headers = [*headers, (b"webhook-allowed-origin", value), (b"webhook-allowed-rate", b"*")]
    return Response(b"", 204, headers)


def _rows(rejections: list[Rejection]) -> list[dict[str, Any]]:
    return [{"index": one.index, "id": one.id, "reason": one.reason.value, "detail": one.detail} for one in rejections]
