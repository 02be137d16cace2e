"""How well a service is: ``/healthz``, ``/readyz`` and ``/metrics``.

In: a :class:`Health` that the service's own loop keeps fresh. Out: what ``lakehouse status``, a load balancer and
Prometheus ask for. A service that hangs is found by its heartbeat: ``/healthz`` is 503, with the reason, once the last
beat is older than the limit.
"""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import REGISTRY, CollectorRegistry

from lakehouse.http import application
from lakehouse.http.asgi import as_starlette
from lakehouse.http.server import Listening
from lakehouse.http.telemetry import exposition

_NO: dict[int | str, dict[str, Any]] = {503: {"description": "No, and why."}}


class Health:
    """What a service says of itself. Its loop calls :meth:`beat`; any thread may read."""

    def __init__(self, limit: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit.total_seconds()
        self._clock = clock
        self._lock = threading.Lock()
        self._beat = clock()
        self._state = "starting"
        self._ready = False
        self._failure: str | None = None

    def beat(self, state: str, ready: bool = True) -> None:
        """The loop has come round. ``state`` is what it is doing, for the operator."""
        with self._lock:
            self._beat, self._state, self._ready, self._failure = self._clock(), state, ready, None

    def fail(self, reason: str) -> None:
        """The last attempt failed; the service goes on, and is unhealthy until the next beat."""
        with self._lock:
            self._failure, self._ready = reason, False

    def report(self) -> dict[str, Any]:
        """``healthy``, ``ready``, ``state``, ``reason`` (null if healthy) and the age of the last beat."""
        with self._lock:
            age = self._clock() - self._beat
            late = f"no progress for {age:.0f} s (limit {self._limit:.0f} s)" if age > self._limit else None
            reason = self._failure or late
            return {
                "healthy": reason is None,
                "ready": self._ready and reason is None,
                "state": self._state,
                "reason": reason,
                "heartbeat_age_seconds": round(age, 1),
            }


def install(app: FastAPI, health: Health, registry: CollectorRegistry = REGISTRY) -> None:
    """Adds the three routes to an application."""

    async def healthz(response: Response) -> dict[str, object]:
        report = health.report()
        response.status_code = 200 if report["healthy"] else 503
        return report

    async def readyz(response: Response) -> dict[str, object]:
        report = health.report()
        response.status_code = 200 if report["ready"] else 503
        return report

    for path, look, summary in (
        ("/healthz", healthz, "Whether the process works"),
        ("/readyz", readyz, "Whether cycles run"),
    ):
        app.add_api_route(path, look, methods=["GET"], summary=summary, tags=["operation"], responses=_NO)
    add_metrics(app, lambda: registry)


def add_metrics(app: FastAPI, registry: Callable[[], CollectorRegistry]) -> None:
    """Adds ``/metrics``; ``registry`` brings the figures up to date, and returns them."""

    async def metrics() -> Response:
        return as_starlette(exposition(registry()))

    app.add_api_route("/metrics", metrics, methods=["GET"], summary="Prometheus", tags=["operation"])


def serve(service: str, health: Health, host: str, port: int, registry: CollectorRegistry = REGISTRY) -> Listening:
    """For a service without an API of its own: the three routes in a thread, from now on until it is closed."""
    app = application.create(service, f"The health of the {service} service, and its figures for Prometheus.")
    install(app, health, registry)
    return Listening(app, host, port)
