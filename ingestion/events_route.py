"""``POST /v1/events``, as plain ASGI: the hot route, without a framework in its way.

In: a request. Out: contract 1's answer, or a problem. The order of the checks: 401, 403, 415, 429, 503, 413, 400. A
``503`` is given before any event has a position, never after.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from ingestion import content
from ingestion.content import Mode
from ingestion.edge import Edge
from ingestion.envelope import Envelope, Headers, Reading, Sender
from ingestion.json_text import UnreadableError
from ingestion.pseudonyms import Pseudonyms
from ingestion.quota import Quota
from ingestion.reasons import Reason, Refusal
from lakehouse import problems
from lakehouse.contracts.events import BROWSER_TYPES
from lakehouse.errors import NotReadyError
from lakehouse.problems import ForbiddenError, Kind, ProblemError, UnauthorizedError
from lakehouse.tokens import Principal, Scope, Verifier
from lakehouse.tokens.verify import bearer

Scope_ = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = problems.Send

BODY_SECONDS = 30.0
DRAIN_BYTES = 16 << 20
"""How much of a body that is too large is read before the answer, so that a client that writes first can read it."""
RETRY_SECONDS = 2
CORS: Headers = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after")]
_PREFLIGHT: Headers = [
    (b"allow", b"POST, OPTIONS"),
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"*, authorization, content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
]
_BROWSER_TYPES = frozenset(str(name) for name in BROWSER_TYPES)
_encode = msgspec.json.Encoder().encode


class _Request:
    """The headers that matter, gathered in one pass."""

    __slots__ = ("authorization", "ce", "encoding", "fields", "length", "specversion", "type")

    def __init__(self, headers: Headers) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.ce: Headers = []
        for name, value in headers:
            if name.startswith(b"ce-"):
                self.ce.append((name, value))
            else:
                known = self.fields.get(name)
                self.fields[name] = value if known is None else known + b", " + value
        self.specversion = any(name == b"ce-specversion" for name, _ in self.ce)
        self.type = self._text(b"content-type")
        self.encoding = self._text(b"content-encoding")
        self.authorization = self._text(b"authorization")
        length = self._text(b"content-length")
        self.length = int(length) if length is not None and length.isdecimal() else 0

    def _text(self, name: bytes) -> str | None:
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")


class EventsRoute:
    """The ASGI application of the one path."""

    def __init__(self, edge: Edge, verifier: Verifier, pseudonyms: Pseudonyms) -> None:
        settings = edge.settings.edge
        self._edge = edge
        self._verifier = verifier
        self._pseudonyms = pseudonyms if settings.hash_personal_ids else None
        self._envelope = Envelope(settings, self._pseudonyms)
        self._quota = Quota(settings.quota_events_per_second)
        self._max_body = settings.max_body_bytes

    async def __call__(self, scope: Scope_, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] == "POST":
                status, body = await self._post(scope, receive)
                await _answer(send, status, body)
            elif scope["method"] == "OPTIONS":
                status = 204
                await _preflight(scope, send)
            else:
                raise ProblemError(Kind.METHOD_NOT_ALLOWED, "use POST", headers={"Allow": "POST, OPTIONS"})
        except ProblemError as problem:
            status = problem.kind.status
            await problems.answer(send, problem, CORS)
        self._edge.measures.request(status)

    async def _post(self, scope: Scope_, receive: Receive) -> tuple[int, bytes]:
        request = _Request(scope["headers"])
        principal = self._authenticate(request, scope)
        mode = content.mode(request.type, request.specversion)
        self._let_in(principal)
        body = await self._body(request, receive)
        started = time.perf_counter()
        merchant_id = principal.merchant_id
        try:
            plain = content.decompress(body, request.encoding, self._max_body)
            reading = self._envelope.read(mode, plain, request.ce, _sender(principal), self._edge.clock.now())
        except UnreadableError as error:
            self._keep(merchant_id, [Refusal(0, None, Reason.UNREADABLE, "body", plain)])
            raise ProblemError(Kind.UNREADABLE_BODY, str(error)) from error
        answer = await self._settle(merchant_id, reading)
        self._edge.measures.seconds.observe(time.perf_counter() - started)
        return answer

    async def _settle(self, merchant_id: str, reading: Reading) -> tuple[int, bytes]:
        """Quarantine for the bad, positions for the good, and the wait until they are durable."""
        edge = self._edge
        self._quota.take(merchant_id, max(1, len(reading.events) + len(reading.refusals)))
        if reading.refusals:
            self._keep(merchant_id, reading.refusals)
            if not reading.events:
                raise _all_rejected(reading.refusals)
        if not reading.events:
            return 202, _receipt(edge, None, None, None, edge.durability.usual.value, 0, [])
        try:
            position = edge.accept(merchant_id, reading.events)
        except NotReadyError as error:
            raise _unavailable(str(error)) from error
        durable = await edge.durable(position)
        count = len(reading.events)
        edge.measures.accepted[durable].inc(count)
        rejected = [_row(refusal) for refusal in reading.refusals]
        return 202, _receipt(edge, position.segment, position.first, position.last, durable.value, count, rejected)

    def _authenticate(self, request: _Request, scope: Scope_) -> Principal:
        if request.authorization is not None:
            principal = self._verifier.verify(bearer(request.authorization))
            principal.require(Scope.EVENTS_WRITE, Scope.EVENTS_WRITE_BROWSER)
            return principal
        tokens = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        if len(tokens) != 1 or request.specversion or not (request.type or "").lower().startswith("text/plain"):
            raise UnauthorizedError("send `Authorization: Bearer TOKEN`")
        principal = self._verifier.verify(tokens[0])
        if principal.scopes != {Scope.EVENTS_WRITE_BROWSER.value}:
            raise ForbiddenError(f"a token in a URL has the scope {Scope.EVENTS_WRITE_BROWSER} and no other")
        return principal

    def _let_in(self, principal: Principal) -> None:
        """429 and 503, before the body costs anything."""
        seconds = self._quota.seconds_to_wait(principal.merchant_id)
        if seconds:
            detail = f"more than {self._edge.settings.edge.quota_events_per_second} events a second"
            raise ProblemError(Kind.QUOTA_EXCEEDED, detail, headers={"Retry-After": str(seconds)})
        trouble = self._edge.trouble()
        if trouble is not None:
            raise _unavailable(trouble)

    async def _body(self, request: _Request, receive: Receive) -> bytes:
        """The whole body as it came; 413 if it is too large."""
        if request.length > DRAIN_BYTES:
            raise content.too_large(self._max_body)
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            try:
                body = await asyncio.wait_for(self._more(body, receive), BODY_SECONDS)
            except TimeoutError as error:
                raise ProblemError(Kind.TIMEOUT, f"the body took more than {BODY_SECONDS:.0f} s") from error
        if len(body) > self._max_body:
            raise content.too_large(self._max_body)
        self._edge.measures.received_bytes.inc(len(body))
        return body

    async def _more(self, first: bytes, receive: Receive) -> bytes:
        """The rest of a body; of one that is too large only so much is kept as shows it."""
        parts, size, more = [first], len(first), True
        while more and size <= DRAIN_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ProblemError(Kind.UNREADABLE_BODY, "the body is not whole")
            part: bytes = message.get("body", b"")
            if size <= self._max_body:
                parts.append(part)
            size += len(part)
            more = message.get("more_body", False)
        return b"".join(parts)

    def _keep(self, merchant_id: str, refusals: list[Refusal]) -> None:
        """Refused bytes to quarantine, their personal ids hashed as far as they can be recognised."""
        if self._pseudonyms is not None:
            refusals = [self._scrubbed(merchant_id, refusal) for refusal in refusals]
        try:
            self._edge.keep_rejected(merchant_id, refusals)
        except NotReadyError as error:
            raise _unavailable(str(error)) from error

    def _scrubbed(self, merchant_id: str, refusal: Refusal) -> Refusal:
        assert self._pseudonyms is not None
        body = self._pseudonyms.scrub(merchant_id, refusal.body)
        return Refusal(refusal.index, refusal.id, refusal.reason, refusal.detail, body)


def _sender(principal: Principal) -> Sender:
    types = None if principal.has(Scope.EVENTS_WRITE) else _BROWSER_TYPES
    return Sender(principal.merchant_id, types, principal.has(Scope.OPS))


def _row(refusal: Refusal) -> dict[str, Any]:
    return {"index": refusal.index, "id": refusal.id, "reason": refusal.reason.value, "detail": refusal.detail}


def _all_rejected(refusals: list[Refusal]) -> ProblemError:
    """400; 403 if it is the token that stands in the way of every event."""
    members = {"accepted": 0, "rejected": [_row(refusal) for refusal in refusals]}
    if all(refusal.reason is Reason.FORBIDDEN_TYPE for refusal in refusals):
        return ProblemError(Kind.FORBIDDEN, f"the token needs the scope {Scope.EVENTS_WRITE}", members=members)
    return ProblemError(Kind.ALL_REJECTED, "no event of this request was accepted", members=members)


def _unavailable(detail: str) -> ProblemError:
    return ProblemError(Kind.UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_SECONDS)})


def _receipt(
    edge: Edge,
    segment: str | None,
    first: int | None,
    last: int | None,
    durable: str,
    count: int,
    rejected: list[dict[str, Any]],
) -> bytes:
    name = edge.settings.edge.name
    receipt = {"edge": name, "segment": segment, "first": first, "last": last, "durable": durable}
    return _encode({"accepted": count, "rejected": rejected, "receipt": receipt})


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *CORS,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _preflight(scope: Scope_, send: Send) -> None:
    """CORS, and the handshake of CloudEvents' webhooks: any origin may ask, the token decides."""
    headers = CORS + _PREFLIGHT
    for name, value in scope["headers"]:
        if name == b"webhook-request-origin":
            headers = [*headers, (b"webhook-allowed-origin", value), (b"webhook-allowed-rate", b"*")]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


__all__ = ["EventsRoute", "Mode"]
