"""The transform service's HTTP application: the operator's verbs, and what every service answers of its health.

In: the handlers, a verifier of tokens, the service's health. Out: a FastAPI application; every error is a problem (RFC
9457).
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi import Request as StarletteRequest
from fastapi import Response as StarletteResponse
from fastapi.concurrency import run_in_threadpool
from prometheus_client import REGISTRY, CollectorRegistry

from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.http import application
from lakehouse.http import health as health_routes
from lakehouse.http.asgi import Response, as_starlette
from lakehouse.http.health import Health
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.tokens import Verifier
from lakehouse.transform.ops_api import openapi
from lakehouse.transform.ops_api.handlers import Handlers
from lakehouse.transform.ops_api.request import OpsRequest, read_request
from lakehouse.transform.ops_api.routes import Handler, Route, routes

_DESCRIPTION = (
    "For operators: rebuild history beside what readers see, look at the difference, promote, roll back, drop. A token "
    "needs the scope `ops`; its `sub` is written into the log. An operation is carried out until it has a result, "
    "whatever is restarted meanwhile. Errors are problems (RFC 9457); see /problems for their types."
)
_HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
Endpoint = Callable[[StarletteRequest], Awaitable[StarletteResponse]]


def create_app(
    handlers: Handlers, verifier: Verifier, health: Health, registry: CollectorRegistry = REGISTRY
) -> FastAPI:
    app = application.create("Transform", _DESCRIPTION)
    health_routes.install(app, health, registry)
    table = routes(handlers)
    for route in table:
        app.add_api_route(
            route.path,
            _endpoint(route, verifier),
            methods=[route.method],
            summary=route.summary,
            tags=["operator"],
            response_class=StarletteResponse,
            openapi_extra=openapi.operation(route),
        )
    openapi.describe(app, table)
    return app


def _endpoint(route: Route, verifier: Verifier) -> Endpoint:
    async def answer(request: StarletteRequest) -> StarletteResponse:
        checked = await read_request(request, verifier, route.most_bytes)
        response = await run_in_threadpool(_handled, route.handler, checked)
        return as_starlette(Response(response.body, response.status, [*_HEADERS, *response.headers]))

    return answer


def _handled(handler: Handler, request: OpsRequest) -> Response:
    """What the warehouse cannot say now is 503."""
    try:
        return handler(request)
    except ProblemError:
        raise
    except NotReadyError as error:
        raise ProblemError(Kind.UNAVAILABLE, str(error), headers={"Retry-After": "5"}) from error
    except LakehouseError as error:
        raise ProblemError(Kind.INTERNAL, str(error)) from error
