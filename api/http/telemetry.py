"""What this process shows Prometheus. No merchant is ever in a label: routes are named by their templates."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from api.serving.release_views import ReleaseViews
from lakehouse.http.telemetry import AnswerCounter

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Telemetry:
    """Metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = AnswerCounter(
            Counter("insights_requests", "Answers by route and status", ["route", "status"], registry=self.registry)
        )
        self._seconds = Histogram(
            "insights_request_seconds", "Time to answer", ["route"], registry=self.registry, buckets=_BOUNDS
        )
        self._release = Gauge("insights_current_release", "Number of the release shown", registry=self.registry)
        self._released = Gauge("insights_released_timestamp_seconds", "When it was published", registry=self.registry)
        self._complete = Gauge("insights_complete_through_timestamp_seconds", "Final up to", registry=self.registry)
        self._read = Gauge(
            "insights_log_read_timestamp_seconds", "When the release log was last read", registry=self.registry
        )
        self._rows = Gauge("insights_rows", "Rows in the serving copy", ["table"], registry=self.registry)
        self._runs = Gauge("insights_runs", "Runs in the serving copy", ["table"], registry=self.registry)

    def answered(self, route: str) -> Callable[[int, float], None]:
        """Counts the answers of a route: their status, and the time since their request came."""
        seconds = self._seconds.labels(route)

        def count(status: int, started: float) -> None:
            self._requests.count(route, status)
            seconds.observe(time.perf_counter() - started)

        return count

    def show(self, release_views: ReleaseViews) -> None:
        """Brings the gauges up to date."""
        if release_views.read_through is not None:
            self._read.set(release_views.read_through.timestamp())
        view = release_views.current
        if view is None:
            return
        self._release.set(view.published.number)
        self._released.set(view.published.released_at.timestamp())
        self._complete.set((view.published.release.complete_through or 0) / 1_000_000)
        for table, cached in view.tables.items():
            self._rows.labels(table).set(sum(map(len, cached.runs)))
            self._runs.labels(table).set(len(cached.runs))
