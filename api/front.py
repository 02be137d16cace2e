"""The application that is served: the routes of numbers in plain ASGI, everything else by FastAPI behind it.

In: ASGI scopes. Out: answers; every error is a problem (RFC 9457). Each answer is counted under its route's template.
"""

import logging
import time
from collections.abc import Awaitable, Callable

from api.calls import Call, Receive, Reply, Scope, Send, send_reply
from api.facts import Facts
from api.negotiation import VARY
from api.numbers import Numbers
from api.observe import Observed
from api.restatements import Restatements
from lakehouse import problems
from lakehouse.problems import Kind, ProblemError

Handler = Callable[[Call], Awaitable[Reply]]
MerchantHandler = Callable[[Call, str], Awaitable[Reply]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MERCHANTS = "/v1/merchants/"
_VARY = [(b"vary", VARY.encode())]
_log = logging.getLogger(__name__)


class Front:
    """``rest`` takes what is not in the two tables: pages, documentation, lifespan."""

    def __init__(
        self, numbers: Numbers, restatements: Restatements, facts: Facts, observed: Observed, rest: App
    ) -> None:
        self._merchant: dict[str, MerchantHandler] = {
            "metrics": numbers.metrics,
            "revisions": numbers.revisions,
            "restatements": restatements.feed,
        }
        self._fixed: dict[str, Handler] = {
            "/v1/metrics": facts.catalogue,
            "/v1/releases": facts.releases,
            "/v1/status": facts.status,
            "/healthz": facts.healthz,
            "/readyz": facts.readyz,
            "/metrics": facts.prometheus,
        }
        self._observed = observed
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._route(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._rest(scope, receive, send)
            return
        started = time.perf_counter()
        route, handler = found
        status = await self._answer(handler, Call.of(scope), send)
        self._observed.answered(route, status, started)

    def _route(self, path: str) -> tuple[str, Handler] | None:
        """The template of the route, and what answers it."""
        if path.startswith(MERCHANTS):
            merchant, _, name = path[len(MERCHANTS) :].rpartition("/")
            if name in self._merchant and merchant and "/" not in merchant:
                handler = self._merchant[name]
                return f"{MERCHANTS}{{merchant_id}}/{name}", lambda call: handler(call, merchant)
            return None
        return (path, self._fixed[path]) if path in self._fixed else None

    async def _answer(self, handler: Handler, call: Call, send: Send) -> int:
        try:
            if call.method not in ("GET", "HEAD"):
                raise ProblemError(Kind.METHOD_NOT_ALLOWED, "use GET", headers={"Allow": "GET, HEAD"})
            reply = await handler(call)
        except ProblemError as problem:
            await problems.answer(send, problem, _VARY)
            return problem.kind.status
        except Exception:
            _log.exception("request failed: %s %s", call.method, call.path)
            await problems.answer(send, ProblemError(Kind.INTERNAL, "see the log of the service"), _VARY)
            return Kind.INTERNAL.status
        await send_reply(send, call, reply)
        return reply.status
