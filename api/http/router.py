"""Which route answers: all of them are FastAPI's, but that of a merchant's metrics is reached without it.

In: ASGI calls. Out: answers; every error is a problem (RFC 9457). Each answer is counted under its route's template.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.routing import Route

from api.http.merchant_routes import MerchantRoutes
from api.http.public_routes import PublicRoutes
from api.http.representation import VARY
from api.http.telemetry import Telemetry
from lakehouse.http.asgi import Endpoint, Receive, Request, Response, Scope, Send

Handler = Callable[[Request], Awaitable[Response]]

MERCHANTS = "/v1/merchants/"
_METRICS = "/metrics"


class Router:
    """``app`` gets all routes. The hot one is also called directly: see ARCHITECTURE.md for what that saves."""

    def __init__(self, app: FastAPI, merchant: MerchantRoutes, public: PublicRoutes, telemetry: Telemetry) -> None:
        self.app = app
        self._telemetry = telemetry
        self.metrics = self._add(f"{MERCHANTS}{{merchant_id}}/metrics", merchant.metrics)
        self._add(f"{MERCHANTS}{{merchant_id}}/revisions", merchant.revisions)
        self._add(f"{MERCHANTS}{{merchant_id}}/restatements", merchant.restatements)
        self._add("/v1/metrics", public.catalogue)
        self._add("/v1/releases", public.releases)
        self._add("/v1/status", public.status)
        self._add("/healthz", public.healthz)
        self._add("/readyz", public.readyz)
        self._add("/metrics", public.prometheus)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (merchant := _merchant_of(scope["path"])):
            await self.metrics({**scope, "path_params": {"merchant_id": merchant}}, receive, send)
        else:
            await self.app(scope, receive, send)

    def _add(self, template: str, handler: Handler) -> Endpoint:
        async def answer(scope: Scope, _: Receive) -> Response:
            return await handler(Request.of(scope))

        endpoint = Endpoint({"GET": answer, "HEAD": answer}, self._telemetry.answered(template), [VARY])
        self.app.router.routes.append(Route(template, endpoint, include_in_schema=False))
        return endpoint


def _merchant_of(path: str) -> str | None:
    """The merchant whose metrics are asked for; None or '' where the path is another one."""
    if not (path.startswith(MERCHANTS) and path.endswith(_METRICS)):
        return None
    merchant = path[len(MERCHANTS) : -len(_METRICS)]
    return None if "/" in merchant else merchant
