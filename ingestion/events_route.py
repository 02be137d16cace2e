"""``POST /v1/events``, as plain ASGI: the hot route, without a framework in its way.

In: a request. Out: contract 1's answer, or a problem. The order of the checks: 401, 403, 415, 429, 503, 413, 400. A
``503`` is given before any event has a position, never after. Work is charged before it is done: one event when the
request is let in, its bytes as they come, the other events as soon as they are counted.
"""

import time
from functools import partial
from urllib.parse import parse_qs

from ingestion import content_headers, responses
from ingestion.body_reader import BodyReader
from ingestion.content_headers import ContentMode
from ingestion.edge import Edge
from ingestion.envelope import ParsedRequest, TooManyEventsError
from ingestion.fast_decode import Sender
from ingestion.quota import Quotas
from ingestion.rejections import Rejection
from ingestion.request import Request, read_body
from ingestion.segment_log import Position
from lakehouse.contracts.events import BROWSER_TYPES
from lakehouse.errors import NotReadyError, RefusedError
from lakehouse.http import asgi
from lakehouse.http.asgi import Endpoint, Response
from lakehouse.http.problems import ForbiddenError, Kind, ProblemError, UnauthorizedError
from lakehouse.tokens import Principal, Scope, Verifier
from lakehouse.tokens.verify import MAX_TOKEN_LENGTH, bearer

_LONGEST_QUERY = 2 * MAX_TOKEN_LENGTH
_BROWSER_TYPES = frozenset(str(name) for name in BROWSER_TYPES)


class EventsRoute:
    """The handlers of the one path. ``endpoint`` is its ASGI application."""

    def __init__(self, edge: Edge, verifier: Verifier) -> None:
        settings = edge.settings.edge
        self._edge = edge
        self._verifier = verifier
        self._bodies = BodyReader(settings, edge.pseudonyms)
        self._quotas = Quotas(settings.quota_events_per_second, settings.quota_bytes_per_second)
        self._max_body = settings.max_body_bytes
        self._most = settings.max_requests_at_work
        self._at_work = 0
        methods = {"POST": self._post, "OPTIONS": responses.preflight}
        self.endpoint = Endpoint(methods, lambda status, _: edge.metrics.requests.count(status), responses.CORS)

    @property
    def overloaded(self) -> bool:
        """Whether so many requests wait, their bodies read, that another would wait too long."""
        return self._at_work >= self._most

    async def _post(self, scope: asgi.Scope, receive: asgi.Receive) -> Response:
        request = Request(scope)
        principal = self._authenticate(request)
        mode = content_headers.content_mode(request.type, request.specversion)
        self._admit(principal)
        body = await read_body(
            request, receive, self._max_body, partial(self._quotas.bytes.take, principal.merchant_id)
        )
        self._edge.metrics.received_bytes.inc(len(body))
        started = time.perf_counter()
        plain = await self._decompress(principal.merchant_id, body, request.encoding)
        self._at_work += 1
        try:
            answer = await self._settle(principal.merchant_id, await self._read(mode, plain, request, principal))
        finally:
            self._at_work -= 1
        self._edge.metrics.seconds.observe(time.perf_counter() - started)
        return responses.accepted(answer)

    async def _decompress(self, merchant_id: str, body: bytes, encoding: str | None) -> bytes:
        """Charges what the bytes become beyond what came, also where that is too much."""
        size = len(body)
        try:
            plain = await self._bodies.decompress(body, encoding)
            size = len(plain)
            return plain
        except ProblemError as error:
            size = self._max_body if error.kind is Kind.TOO_LARGE else size
            raise
        finally:
            self._quotas.bytes.take(merchant_id, max(0, size - len(body)))

    async def _read(self, mode: ContentMode, plain: bytes, request: Request, principal: Principal) -> ParsedRequest:
        """Charges the events, and quarantines a body that cannot be read."""
        merchant_id, counted = principal.merchant_id, 1
        try:
            reading = await self._bodies.read(
                mode, plain, request.ce, _sender(principal, request), self._edge.clock.now()
            )
            counted = len(reading.events) + len(reading.rejections)
        except TooManyEventsError as error:
            counted = error.counted
            raise
        finally:
            self._quotas.events.take(merchant_id, max(0, counted - 1))
        if reading.unreadable is not None:
            self._keep(merchant_id, reading.rejections)
            raise ProblemError(Kind.UNREADABLE_BODY, reading.unreadable)
        return reading

    async def _settle(self, merchant_id: str, reading: ParsedRequest) -> bytes:
        """Quarantine for the bad, positions for the good, and the wait until they are durable."""
        edge = self._edge
        if reading.rejections:
            self._keep(merchant_id, reading.rejections)
            if not reading.events:
                raise responses.all_rejected(reading.rejections)
        name = edge.settings.edge.name
        if not reading.events:
            return responses.taken(name, None, edge.durability.usual.value, [])
        position = self._accept(merchant_id, reading)
        durable = await edge.durable(position)
        edge.metrics.accepted[durable].inc(len(reading.events))
        return responses.taken(name, position, durable.value, reading.rejections)

    def _accept(self, merchant_id: str, reading: ParsedRequest) -> Position:
        try:
            return self._edge.accept(merchant_id, reading.events)
        except NotReadyError as error:
            raise responses.unavailable(str(error)) from error
        except RefusedError as error:
            raise ProblemError(Kind.TOO_LARGE, str(error)) from error

    def _authenticate(self, request: Request) -> Principal:
        if request.authorization is not None:
            principal = self._verifier.verify(bearer(request.authorization))
            principal.require(Scope.EVENTS_WRITE, Scope.EVENTS_WRITE_BROWSER)
            return principal
        query = request.query if len(request.query) <= _LONGEST_QUERY else ""
        tokens = parse_qs(query).get("token", [])
        if len(tokens) != 1 or request.specversion or not (request.type or "").lower().startswith("text/plain"):
            raise UnauthorizedError("send `Authorization: Bearer TOKEN`")
        principal = self._verifier.verify(tokens[0])
        if principal.scopes != {Scope.EVENTS_WRITE_BROWSER.value}:
            raise ForbiddenError(f"a token in a URL has the scope {Scope.EVENTS_WRITE_BROWSER} and no other")
        return principal

    def _admit(self, principal: Principal) -> None:
        """429 and 503, before the body costs anything; and the first event is charged."""
        exhausted = self._quotas.exhausted(principal.merchant_id)
        if exhausted is not None:
            seconds, detail = exhausted
            raise ProblemError(Kind.QUOTA_EXCEEDED, detail, headers={"Retry-After": str(seconds)})
        reason = self._edge.unavailable_reason()
        if reason is not None:
            raise responses.unavailable(reason)
        self._quotas.events.take(principal.merchant_id, 1)

    def _keep(self, merchant_id: str, rejections: list[Rejection]) -> None:
        try:
            self._edge.keep_rejected(merchant_id, rejections)
        except NotReadyError as error:
            raise responses.unavailable(str(error)) from error


def _sender(principal: Principal, request: Request) -> Sender:
    types = None if principal.has(Scope.EVENTS_WRITE) else _BROWSER_TYPES
    return Sender(principal.merchant_id, types, principal.has(Scope.OPS), request.trace)
