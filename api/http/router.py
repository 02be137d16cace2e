"""The application that is served: the routes of the API in plain ASGI, everything else by FastAPI behind it.

In: ASGI scopes. Out: answers; every error is a problem (RFC 9457). Each answer is counted under its route's template.
"""

import logging
import time
from collections.abc import Awaitable, Callable

from api.http.merchant_routes import MerchantRoutes
from api.http.messages import Receive, Request, Response, Scope, Send, send_response
from api.http.negotiation import VARY
from api.http.public_routes import PublicRoutes
from api.http.telemetry import Telemetry
from lakehouse.http import problems
from lakehouse.http.problems import Kind, ProblemError

Handler = Callable[[Request], Awaitable[Response]]
MerchantHandler = Callable[[Request, str], Awaitable[Response]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MERCHANTS = "/v1/merchants/"
_VARY = [(b"vary", VARY.encode())]
_log = logging.getLogger(__name__)


class Router:
    """``rest`` takes what is not in the two tables: pages, documentation, lifespan."""

    def __init__(self, merchant: MerchantRoutes, public: PublicRoutes, telemetry: Telemetry, rest: App) -> None:
        self._merchant: dict[str, MerchantHandler] = {
            "metrics": merchant.metrics,
            "revisions": merchant.revisions,
            "restatements": merchant.restatements,
        }
        self._fixed: dict[str, Handler] = {
            "/v1/metrics": public.catalogue,
            "/v1/releases": public.releases,
            "/v1/status": public.status,
            "/healthz": public.healthz,
            "/readyz": public.readyz,
            "/metrics": public.prometheus,
        }
        self._telemetry = telemetry
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._route(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._rest(scope, receive, send)
            return
        started = time.perf_counter()
        route, handler = found
        status = await self._answer(handler, Request.of(scope), send)
        self._telemetry.answered(route, status, started)

    def _route(self, path: str) -> tuple[str, Handler] | None:
        """The template of the route, and what answers it."""
        if path.startswith(MERCHANTS):
            merchant, _, name = path[len(MERCHANTS) :].rpartition("/")
            if name in self._merchant and merchant and "/" not in merchant:
                handler = self._merchant[name]
                return f"{MERCHANTS}{{merchant_id}}/{name}", lambda request: handler(request, merchant)
            return None
        return (path, self._fixed[path]) if path in self._fixed else None

    async def _answer(self, handler: Handler, request: Request, send: Send) -> int:
        try:
            if request.method not in ("GET", "HEAD"):
                raise ProblemError(Kind.METHOD_NOT_ALLOWED, "use GET", headers={"Allow": "GET, HEAD"})
            response = await handler(request)
        except ProblemError as problem:
            await problems.answer(send, problem, _VARY)
            return problem.kind.status
        except Exception:
            _log.exception("request failed: %s %s", request.method, request.path)
            await problems.answer(send, ProblemError(Kind.INTERNAL, "see the log of the service"), _VARY)
            return Kind.INTERNAL.status
        await send_response(send, request, response)
        return response.status
