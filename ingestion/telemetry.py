"""The Prometheus metrics of an edge: what it accepted and rejected, how fast, and what still waits.

In: what the edge counts. Out: a registry that ``/metrics`` shows. Promise: no label names a merchant.
"""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from ingestion.durability import Durable
from ingestion.rejections import Reason
from lakehouse.http.telemetry import AnswerCounter

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Where the Prometheus client keeps what processes share; it reads this when it is imported."""


class EdgeMetrics:
    """The counters of one edge, in a registry of its own. Those of workers are shared by files."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._accepted = Counter("edge_events_accepted", "Events that have a position.", ["durable"], registry=registry)
        self._rejected = Counter(
            "edge_events_rejected", "Events that the edge rejected.", ["reason"], registry=registry
        )
        self.requests = AnswerCounter(
            Counter("edge_requests", "Requests to /v1/events.", ["status"], registry=registry)
        )
        self.received_bytes = Counter("edge_received_bytes", "Bytes of bodies, as they came.", registry=registry)
        self.seconds = Histogram(
            "edge_request_seconds",
            "From the whole body to the answer.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self._sync_seconds = Histogram(
            "edge_sync_seconds",
            "A sync of the log that requests waited for.",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self._sync_requests = Histogram(
            "edge_sync_requests",
            "Requests that one sync has answered.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
            registry=registry,
        )
        self._add_gauges(registry)
        self.accepted = {durable: self._accepted.labels(durable.value) for durable in Durable}
        self.rejected = {reason: self._rejected.labels(reason.value) for reason in Reason}

    def _add_gauges(self, registry: CollectorRegistry) -> None:
        """What is as it is now; one figure is made of those of all workers."""
        self.unsent_bytes = Gauge(
            "edge_unsent_bytes",
            "Bytes in the log that Kafka has not acknowledged.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.unshipped_segments = Gauge(
            "edge_unshipped_segments",
            "Segments without a raw file on HDFS.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.raw_gap_events = Gauge(
            "edge_raw_gap_events",
            "Events of runs with a folder here that went from this disk without a raw file, because HDFS was away.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.torn_runs = Gauge(
            "edge_torn_runs",
            "Earlier runs whose logs lack lines, which are being read back from Kafka.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.lacking_keys = Gauge(
            "edge_lacking_keys",
            "Keys for personal ids that are listed and not in the key folder, or are others there.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.clock_skew = Gauge(
            "edge_clock_skew_seconds",
            "How far the stamps are from the NameNode's clock or our own.",
            registry=registry,
            multiprocess_mode="livemax",
        )

    def synced(self, requests: int, seconds: float) -> None:
        """One sync has answered so many."""
        self._sync_requests.observe(requests)
        self._sync_seconds.observe(seconds)

    def shown(self) -> CollectorRegistry:
        """What ``/metrics`` shows: of all workers, whichever is asked."""
        if SHARED not in os.environ:
            return self.registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return together
