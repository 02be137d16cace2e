"""What is read from Kafka, and how: the same for the stream and for a single batch read.

In: settings. Out: options for Spark's Kafka source, and its records with the four columns that the rest needs.
"""

from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.contracts.topics import ALL_TOPICS

TOPICS = tuple(topic.name for topic in ALL_TOPICS)


@dataclass(frozen=True)
class Source:
    """What to read, and how much at a time. With a prefix a second line can run beside the live one."""

    bootstrap: str
    trigger: timedelta
    max_records: int
    topic_prefix: str = ""

    @property
    def topics(self) -> list[str]:
        return [self.topic_prefix + name for name in TOPICS]

    @property
    def options(self) -> dict[str, str]:
        """For a reader; where to start and to end is the reader's own."""
        return {
            "kafka.bootstrap.servers": self.bootstrap,
            "subscribe": ",".join(self.topics),
            "kafka.max.partition.fetch.bytes": str(8 << 20),
        }

    def select(self, records: DataFrame) -> DataFrame:
        """``topic`` (without prefix), ``partition``, ``offset`` and ``value``."""
        topic = f.substr("topic", f.lit(len(self.topic_prefix) + 1)).alias("topic")
        return records.select(topic, "partition", "offset", "value")
