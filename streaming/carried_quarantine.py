"""The quarantine rows of an older generation whose records Kafka no longer retains. Pure.

In: that generation's quarantine table, and the ranges that are read from Kafka. Out: rows, each record's once: those
of batches that bronze lacks were read and written again.
"""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from streaming.kafka_handoff import Ranges

PLACE = ["kafka_topic", "kafka_partition", "kafka_offset"]


def carried_quarantine(spark: SparkSession, url: str, ranges: Ranges) -> DataFrame | None:
    """Rows from before the ranges; None if Kafka has all records from the beginning."""
    gone = f.lit(False)
    for (topic, partition), range_ in ranges.items():
        here = (f.col("kafka_topic") == topic) & (f.col("kafka_partition") == partition)
        gone = gone | (here & (f.col("kafka_offset") < range_.start))
    if not any(range_.start for range_ in ranges.values()):
        return None
    return spark.read.format("delta").load(url).where(gone).dropDuplicates(PLACE)
