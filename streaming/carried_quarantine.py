"""The quarantine rows of an older generation whose records Kafka no longer retains. Pure.

In: that generation's quarantine table, and the ranges that are read from Kafka. Out: rows, each line's once: records of
batches that bronze lacks were read and written again, all lines of each.
"""

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from streaming.kafka_source import Ranges

PLACE = ["kafka_topic", "kafka_partition", "kafka_offset"]


def carried_quarantine(spark: SparkSession, url: str, ranges: Ranges) -> DataFrame | None:
    """Rows from before the ranges; None if Kafka has all records from the beginning."""
    gone = f.lit(False)
    for (topic, partition), range_ in ranges.items():
        here = (f.col("kafka_topic") == topic) & (f.col("kafka_partition") == partition)
        gone = gone | (here & (f.col("kafka_offset") < range_.start))
    if not any(range_.start for range_ in ranges.values()):
        return None
    writing = f.struct("epoch", "batch")
    older = spark.read.format("delta").load(url).where(gone)
    first = older.withColumn("_first", f.min(writing).over(Window.partitionBy(*PLACE)))
    return first.where(writing == f.col("_first")).drop("_first")
