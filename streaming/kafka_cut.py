"""From which Kafka offsets a generation is fed that has been made from raw files. Reads Kafka once, in one Spark job.

In: the segments that bronze has, all of each, and what Kafka retains. Out: the *cut*: of each partition, the offset of
the first batch that is of no such segment, or the end. So every batch before the cut is in bronze, whatever an edge's
clock says and however late it ships; every batch behind it is read by the ordinary stream, which leaves out those that
bronze has. What Kafka no longer retains must be in raw files; the ledger names what is not.
"""

import json
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.contracts.commit_info import PartitionRange, SegmentRanges
from lakehouse.contracts.topics import EVENTS
from streaming.kafka_source import Source
from streaming.offsets import Bounds
from streaming.segment_ranges import is_among
from streaming.split_events import BATCH

Ranges = dict[tuple[str, int], PartitionRange]


def find_cut(
    spark: SparkSession, source: Source, bounds: Mapping[str, Mapping[int, Bounds]], known: SegmentRanges
) -> Ranges:
    """What bronze has no need to read: of each partition, from its earliest offset up to the cut."""
    whole = {
        (topic, partition): PartitionRange(bound.earliest, bound.latest)
        for topic, partitions in bounds.items()
        for partition, bound in partitions.items()
    }
    unknown = (f.col("topic") == EVENTS.name) & _is_batch() & ~is_among(known, _head("segment"))
    found = records(spark, source, whole).where(unknown).groupBy("topic", "partition").agg(f.min("offset").alias("cut"))
    cuts = {(row["topic"], row["partition"]): row["cut"] for row in found.collect()}
    return {place: PartitionRange(range_.start, cuts.get(place, range_.end)) for place, range_ in whole.items()}


def without_batches(spark: SparkSession, source: Source, ranges: Ranges) -> DataFrame:
    """Low marks, what was rejected at the door, and what is no record of ours."""
    return records(spark, source, ranges).where(~_is_batch())


def records(spark: SparkSession, source: Source, ranges: Ranges) -> DataFrame:
    """The records of these ranges, as far as Kafka still has them."""
    starts: dict[str, dict[str, int]] = {}
    ends: dict[str, dict[str, int]] = {}
    for (topic, partition), range_ in ranges.items():
        starts.setdefault(source.topic_prefix + topic, {})[str(partition)] = range_.start
        ends.setdefault(source.topic_prefix + topic, {})[str(partition)] = range_.end
    reader = spark.read.format("kafka").options(**source.options)
    reader = reader.option("startingOffsets", json.dumps(starts)).option("endingOffsets", json.dumps(ends))
    # what ages out while we read was too old to be waited for
    return source.select(reader.option("failOnDataLoss", "false").load())


def _is_batch() -> Column:
    return f.coalesce(_head("kind") == BATCH, f.lit(False))


def _head(name: str) -> Column:
    """A field of a record, without a look at its events. A record that is no JSON has none."""
    return f.from_json(f.col("value").cast("string"), "kind string, segment string")[name]
