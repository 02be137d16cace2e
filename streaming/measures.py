"""What Prometheus sees of the streaming job. No merchant is in a label."""

from prometheus_client import Counter, Gauge, Histogram

ROWS = Counter("streaming_rows", "Rows committed to bronze.")
QUARANTINED = Counter("streaming_quarantined", "Records put into quarantine.")
BATCHES = Counter("streaming_batches", "Micro-batches committed to bronze.")
SECONDS = Histogram(
    "streaming_batch_seconds", "From the start of a micro-batch to its commit.", buckets=(0.5, 1, 2, 5, 10, 30, 60)
)
EPOCH = Gauge("streaming_epoch", "Epoch of this driver; 0 while it stands by.")
VERSION = Gauge("streaming_bronze_version", "Delta version of the last bronze commit of this driver.")
COMMITTED_AT = Gauge("streaming_last_commit_timestamp_seconds", "When the last bronze commit was made.")
LAG = Gauge("streaming_lag_records", "Records in Kafka that bronze does not have yet.")
