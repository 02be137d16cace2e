"""The Kafka offsets at which the stream takes over a generation that was made from raw files. Reads Kafka once, in one
Spark job.

In: the batches that bronze has, and what Kafka retains. Out: the *handoff offset* of each partition: that of the first
record with a batch that is not in bronze, or the end. So every batch before the handoff is in bronze, whatever an
edge's clock says and however late it ships; the stream reads every batch behind it, and leaves out those that bronze
has. What Kafka no longer retains must be in raw files; the ledger names what is not.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.contracts.commit_info import PartitionRange
from lakehouse.contracts.topics import EVENTS
from streaming.frames import lines
from streaming.kafka_source import Ranges, Source
from streaming.known_batches import Known
from streaming.offsets import Bounds
from streaming.split_events import BATCH


def find_handoff(
    spark: SparkSession, source: Source, bounds: Mapping[str, Mapping[int, Bounds]], known: Known
) -> Ranges:
    """What bronze has no need to read: of each partition, from its earliest offset up to the handoff."""
    whole = {
        (topic, partition): PartitionRange(bound.earliest, bound.latest)
        for topic, partitions in bounds.items()
        for partition, bound in partitions.items()
    }
    unknown = (f.col("topic") == EVENTS.name) & _is_batch() & ~known.is_known(_head("segment"), _head("first"))
    batches = lines(records(spark, source, whole)).where(unknown)
    found = batches.groupBy("topic", "partition").agg(f.min("offset").alias("handoff"))
    handoffs = {(row["topic"], row["partition"]): row["handoff"] for row in found.collect()}
    return {place: PartitionRange(range_.start, handoffs.get(place, range_.end)) for place, range_ in whole.items()}


def without_batches(spark: SparkSession, source: Source, ranges: Ranges) -> DataFrame:
    """Lines: watermarks, what the edge rejected, and what is no line of ours."""
    return lines(records(spark, source, ranges)).where(~_is_batch())


def records(spark: SparkSession, source: Source, ranges: Ranges) -> DataFrame:
    """The records of these ranges, as far as Kafka still has them."""
    # what ages out while we read was too old to be waited for
    return source.read(spark, ranges, fail_on_data_loss=False)


def _is_batch() -> Column:
    return f.coalesce(_head("kind") == BATCH, f.lit(False))


def _head(name: str) -> Column:
    """A field of a line, without a look at its events. One that is no JSON has none."""
    return f.from_json(f.col("value").cast("string"), "kind string, segment string, first bigint")[name]
