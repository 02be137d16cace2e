"""A small HTTP face for services that have none of their own: ``/healthz``, ``/readyz`` and ``/metrics``.

In: a :class:`Health` that the service's own loop keeps fresh. Out: what ``lakehouse status``, a load balancer
and Prometheus ask for. A service that hangs is told from one that is well by its heartbeat: ``/healthz`` is
503, with the reason, once the last beat is older than the limit. Log lines are JSON objects on stderr.
"""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest


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


def serve(health: Health, host: str, port: int, registry: CollectorRegistry = REGISTRY) -> ThreadingHTTPServer:
    """Answers in a daemon thread from now on. ``shutdown()`` and ``server_close()`` of the result end it."""
    handler = type("Handler", (_Handler,), {"health": health, "registry": registry})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="service-http", daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    health: Health
    registry: CollectorRegistry

    def do_GET(self) -> None:
        report = self.health.report()
        match self.path.partition("?")[0]:
            case "/healthz":
                self._answer_json(200 if report["healthy"] else 503, report)
            case "/readyz":
                self._answer_json(200 if report["ready"] else 503, report)
            case "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(self.registry))
            case _:
                self._answer_json(404, {"paths": ["/healthz", "/readyz", "/metrics"]})

    def _answer_json(self, status: int, body: dict[str, Any]) -> None:
        self._answer(status, "application/json", json.dumps(body).encode())

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds: they are no news."""


class JsonLines(logging.Formatter):
    """``at``, ``level``, ``service``, ``message`` and what was passed as ``extra=fields(...)``, as JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "service": self._service}
        line |= {"message": record.getMessage()} | getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def fields(**values: object) -> dict[str, Any]:
    """For ``extra=``: names and values that belong to a log line, beside its message."""
    return {"fields": values}


def log_as_json(service: str, level: int = logging.INFO) -> None:
    """Sends all logging of this process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("py4j").setLevel(logging.WARNING)
