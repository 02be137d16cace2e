"""The Prometheus metrics of the streaming job, and a log line for each commit.

In: commits and the query's progress. Out: metrics, in a series of its own for each generation of bronze. Promise: no
label names a merchant.
"""

import json
import logging
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from lakehouse.json_logs import fields
from streaming.bronze_writer import Written

log = logging.getLogger(__name__)

_LABELS = ("generation",)

ROWS = Counter("streaming_rows", "Rows committed to bronze.", _LABELS)
QUARANTINED = Counter("streaming_quarantined", "Records put into quarantine.", _LABELS)
BATCHES = Counter("streaming_batches", "Micro-batches committed to bronze.", _LABELS)
SECONDS = Histogram(
    "streaming_batch_seconds",
    "From the start of a micro-batch to its commit.",
    _LABELS,
    buckets=(0.5, 1, 2, 5, 10, 30, 60),
)
EPOCH = Gauge("streaming_epoch", "Epoch of this driver; 0 while it stands by.", _LABELS)
VERSION = Gauge("streaming_bronze_version", "Delta version of the last bronze commit of this driver.", _LABELS)
COMMITTED_AT = Gauge("streaming_last_commit_timestamp_seconds", "When the last bronze commit was made.", _LABELS)
LAG = Gauge("streaming_lag_records", "Records in Kafka that bronze does not have yet.", _LABELS)


def report(written: Written, seconds: float) -> None:
    """Counts and logs a commit. ``seconds`` is what its micro-batch took."""
    commit, generation = written.commit, str(written.commit.generation)
    BATCHES.labels(generation).inc()
    ROWS.labels(generation).inc(commit.rows)
    QUARANTINED.labels(generation).inc(commit.quarantined)
    SECONDS.labels(generation).observe(seconds)
    VERSION.labels(generation).set(written.version)
    COMMITTED_AT.labels(generation).set_to_current_time()
    offsets = sum(r.end - r.start for partitions in commit.offsets.values() for r in partitions.values())
    log.info(
        "batch committed",
        extra=fields(
            generation=commit.generation,
            epoch=commit.epoch,
            batch=commit.batch,
            version=written.version,
            records=offsets,
            rows=commit.rows,
            quarantined=commit.quarantined,
            marks=len(commit.marks),
            seconds=round(seconds, 3),
        ),
    )


def lag(query: Any) -> int:
    """Records that Kafka had at the last trigger and that were not taken."""
    progress = query.lastProgress
    behind = 0
    for source in progress["sources"] if progress else []:
        ends, latest = _offsets(source["endOffset"]), _offsets(source["latestOffset"])
        behind += sum(offset - ends.get(place, 0) for place, offset in latest.items())
    return behind


def _offsets(value: object) -> dict[tuple[str, str], int]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        return {}
    return {(topic, partition): offset for topic, by in found.items() for partition, offset in by.items()}
