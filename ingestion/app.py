"""The edge's ASGI application: the hot route, and around it a FastAPI application for everything else.

In: settings and a file system. Out: one ASGI application with ``/v1/events``, ``/healthz``, ``/readyz``, ``/metrics``,
``/problems`` and ``/docs`` (which loads nothing from a foreign host).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from ingestion import responses
from ingestion.edge import Edge
from ingestion.events_route import EventsRoute
from ingestion.openapi import EVENTS_PATH, describe
from ingestion.telemetry import EdgeMetrics
from lakehouse.clients.files import Files
from lakehouse.errors import LakehouseError
from lakehouse.http import application, health
from lakehouse.http.asgi import Endpoint, Receive, Scope, Send, problem_response
from lakehouse.http.hot_route import HotRoute, serving
from lakehouse.http.problems import Kind, ProblemError
from lakehouse.http.whole_answers import WholeAnswers
from lakehouse.settings import Settings
from lakehouse.tokens import Verifier

OBSERVE_SECONDS = 5.0


class App:
    """Sends the hot path to its route, and every other to FastAPI."""

    def __init__(self, settings: Settings, files: Files, worker: int | None = None) -> None:
        self._settings = settings
        self._files = files
        self._worker = worker
        self.events: Endpoint | None = None
        self.edge: Edge | None = None
        self.refusal: LakehouseError | None = None
        """Why the edge does not start."""
        self._route: EventsRoute | None = None
        self.rest = self._application()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.events is not None and scope["type"] == "http" and scope["path"] == EVENTS_PATH:
            await self.events(scope, receive, send)
        else:
            await self.rest(scope, receive, send)

    def protocol(self) -> type[WholeAnswers]:
        """For uvicorn's ``http``: it refuses events at once while too many requests are at work."""
        refusal = problem_response(responses.unavailable("too many requests are at work; send again"), responses.CORS)
        return serving(HotRoute(_is_hot, self._is_overloaded, refusal, self._refused))

    def _is_overloaded(self) -> bool:
        return self._route is not None and self._route.overloaded

    def _refused(self, status: int) -> None:
        assert self.edge is not None
        self.edge.metrics.requests.count(status)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        try:
            edge = Edge(self._settings, self._files, EdgeMetrics(), self._worker)
        except LakehouseError as refusal:
            self.refusal = refusal
            raise
        self._route = EventsRoute(edge, Verifier(self._settings))
        self.events = self._route.endpoint
        self.edge = edge
        edge.start()
        observing = asyncio.create_task(_keep_observing(edge, self._worker))
        try:
            yield
        finally:
            observing.cancel()
            self.events = None
            await edge.stop()

    def _application(self) -> FastAPI:
        description = "Where events come in. Errors are problems (RFC 9457); see /problems for their types."
        app = application.create("Merchant metrics: the edge", description, self._lifespan)
        routes: list[tuple[str, Callable[..., Any], str]] = [
            ("/healthz", self._healthz, "Whether the process lives"),
            ("/readyz", self._readyz, "Whether events can be taken"),
        ]
        for path, handler, summary in routes:
            app.add_api_route(path, handler, methods=["GET"], summary=summary, tags=["operation"])
        health.add_metrics(app, self._figures)
        describe(app)
        return app

    async def _healthz(self) -> dict[str, str]:
        return {"status": "ok"}

    async def _readyz(self) -> dict[str, Any]:
        edge = self.edge
        trouble = "starting" if edge is None else edge.unavailable_reason()
        if edge is None or trouble is not None:
            raise ProblemError(Kind.UNAVAILABLE, str(trouble), headers={"Retry-After": "2"})
        return {
            "status": "ready",
            "edge": self._settings.edge.name,
            "incarnation": edge.live.id,
            "durable": edge.durability.usual.value,
            "kafka": edge.kafka.failure or "ok",
            "hdfs": edge.shipper.failure or "ok",
            "keys": edge.key_check.warning or "ok" if edge.key_check else "unused",
            "torn": [run.id for run in edge.healer.torn],
        }

    def _figures(self) -> CollectorRegistry:
        assert self.edge is not None
        self.edge.observe()
        return self.edge.metrics.shown()


def _is_hot(scope: Scope) -> bool:
    return bool(scope["path"] == EVENTS_PATH and scope["method"] == "POST")


async def _keep_observing(edge: Edge, worker: int | None) -> None:
    """Another worker may be asked for the gauges of this one."""
    while worker is not None:
        edge.observe()
        await asyncio.sleep(OBSERVE_SECONDS)
