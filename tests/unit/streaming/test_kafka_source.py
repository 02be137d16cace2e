"""What Spark is asked to read, where no broker is needed to see it."""

from datetime import timedelta

from pyspark.sql import SparkSession

from lakehouse.contracts.commit_info import PartitionRange
from streaming.kafka_source import Source


def test_ranges_are_read_of_the_partitions_that_they_name_and_no_others(spark: SparkSession) -> None:
    source = Source("127.0.0.1:1", timedelta(seconds=1), 1, topic_prefix="ab-")
    ranges = {("events", 0): PartitionRange(1, 5), ("events", 2): PartitionRange(7, 9)}
    plan = source.read(spark, ranges, fail_on_data_loss=True)._jdf.queryExecution().analyzed().toString()
    assert "Assign[ab-events-0, ab-events-2]" in plan
    assert "Map(ab-events-0 -> 1, ab-events-2 -> 7)" in plan
    assert "Map(ab-events-0 -> 5, ab-events-2 -> 9)" in plan
