"""``POST /v1/events``, as plain ASGI: the hot route, without a framework in its way.

In: a request. Out: contract 1's answer, or a problem. The order of the checks: 401, 403, 415, 429, 503, 413, 400. A
``503`` is given before any event has a position, never after.
"""

import logging
import time
from urllib.parse import parse_qs

from ingestion import answers, content
from ingestion.edge import Edge
from ingestion.envelope import Envelope, Reading
from ingestion.json_text import UnreadableError
from ingestion.pseudonyms import Pseudonyms
from ingestion.quota import Quota
from ingestion.reasons import Reason, Refusal
from ingestion.request import Receive, Request, ScopeMap, read_body
from ingestion.segment_log import Position
from ingestion.typed import Sender
from lakehouse import problems
from lakehouse.contracts.events import BROWSER_TYPES
from lakehouse.errors import NotReadyError, RefusedError
from lakehouse.problems import ForbiddenError, Kind, ProblemError, Send, UnauthorizedError
from lakehouse.tokens import Principal, Scope, Verifier
from lakehouse.tokens.verify import bearer

_BROWSER_TYPES = frozenset(str(name) for name in BROWSER_TYPES)
_log = logging.getLogger(__name__)


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

    async def __call__(self, scope: ScopeMap, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] == "POST":
                await answers.accepted(send, await self._post(scope, receive))
                status = 202
            elif scope["method"] == "OPTIONS":
                await answers.preflight(send, scope)
                status = 204
            else:
                raise ProblemError(Kind.METHOD_NOT_ALLOWED, "use POST", headers={"Allow": "POST, OPTIONS"})
        except ProblemError as problem:
            status = problem.kind.status
            await problems.answer(send, problem, answers.CORS)
        except Exception:
            _log.exception("a request failed")
            status = 500
            await problems.answer(send, ProblemError(Kind.INTERNAL, "the edge's log has the cause"), answers.CORS)
        self._edge.measures.request(status)

    async def _post(self, scope: ScopeMap, receive: Receive) -> bytes:
        request = Request(scope)
        principal = self._authenticate(request)
        mode = content.mode(request.type, request.specversion)
        self._let_in(principal)
        body = await read_body(request, receive, self._max_body)
        self._edge.measures.received_bytes.inc(len(body))
        started = time.perf_counter()
        merchant_id = principal.merchant_id
        try:
            plain = content.decompress(body, request.encoding, self._max_body)
            reading = self._envelope.read(mode, plain, request.ce, _sender(principal), self._edge.clock.now())
        except UnreadableError as error:
            self._quota.take(merchant_id, 1)
            self._keep(merchant_id, [Refusal(0, None, Reason.UNREADABLE, "body", plain)])
            raise ProblemError(Kind.UNREADABLE_BODY, str(error)) from error
        answer = await self._settle(merchant_id, reading)
        self._edge.measures.seconds.observe(time.perf_counter() - started)
        return answer

    async def _settle(self, merchant_id: str, reading: Reading) -> bytes:
        """Quarantine for the bad, positions for the good, and the wait until they are durable."""
        edge = self._edge
        self._quota.take(merchant_id, max(1, len(reading.events) + len(reading.refusals)))
        if reading.refusals:
            self._keep(merchant_id, reading.refusals)
            if not reading.events:
                raise answers.all_rejected(reading.refusals)
        name = edge.settings.edge.name
        if not reading.events:
            return answers.taken(name, None, edge.durability.usual.value, [])
        position = self._accept(merchant_id, reading)
        durable = await edge.durable(position)
        edge.measures.accepted[durable].inc(len(reading.events))
        return answers.taken(name, position, durable.value, reading.refusals)

    def _accept(self, merchant_id: str, reading: Reading) -> Position:
        try:
            return self._edge.accept(merchant_id, reading.events)
        except NotReadyError as error:
            raise answers.unavailable(str(error)) from error
        except RefusedError as error:
            raise ProblemError(Kind.TOO_LARGE, str(error)) from error

    def _authenticate(self, request: Request) -> Principal:
        if request.authorization is not None:
            principal = self._verifier.verify(bearer(request.authorization))
            principal.require(Scope.EVENTS_WRITE, Scope.EVENTS_WRITE_BROWSER)
            return principal
        tokens = parse_qs(request.query).get("token", [])
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
            raise answers.unavailable(trouble)

    def _keep(self, merchant_id: str, refusals: list[Refusal]) -> None:
        """Refused bytes to quarantine, their personal ids hashed as far as they can be recognised."""
        if self._pseudonyms is not None:
            refusals = [self._scrubbed(merchant_id, refusal) for refusal in refusals]
        try:
            self._edge.keep_rejected(merchant_id, refusals)
        except NotReadyError as error:
            raise answers.unavailable(str(error)) from error

    def _scrubbed(self, merchant_id: str, refusal: Refusal) -> Refusal:
        assert self._pseudonyms is not None
        body = self._pseudonyms.scrub(merchant_id, refusal.body)[: self._max_body]
        return Refusal(refusal.index, refusal.id, refusal.reason, refusal.detail, body)


def _sender(principal: Principal) -> Sender:
    types = None if principal.has(Scope.EVENTS_WRITE) else _BROWSER_TYPES
    return Sender(principal.merchant_id, types, principal.has(Scope.OPS))
