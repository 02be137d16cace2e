"""What is read from Kafka, and how: the same for the stream and for a single batch read.

In: settings. Out: options for Spark's Kafka source, and its records with the four columns that the rest needs.
"""

import json
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.contracts.commit_info import PartitionRange
from lakehouse.contracts.topics import ALL_TOPICS

Ranges = dict[tuple[str, int], PartitionRange]
"""Of topics (without prefix) and partitions."""
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
        """For a stream; where to start is its own."""
        return self._connection | {"subscribe": ",".join(self.topics)}

    @property
    def _connection(self) -> dict[str, str]:
        # A task holds what one fetch brings, and it is compressed.
        return {"kafka.bootstrap.servers": self.bootstrap, "kafka.max.partition.fetch.bytes": str(4 << 20)}

    def read(self, spark: SparkSession, ranges: Ranges, *, fail_on_data_loss: bool) -> DataFrame:
        """The records of these ranges, once. If not all are there any more, it fails, or takes what there is."""
        assigned: dict[str, list[int]] = {}
        starts: dict[str, dict[str, int]] = {}
        ends: dict[str, dict[str, int]] = {}
        for (topic, partition), range_ in ranges.items():
            name = self.topic_prefix + topic
            assigned.setdefault(name, []).append(partition)
            starts.setdefault(name, {})[str(partition)] = range_.start
            ends.setdefault(name, {})[str(partition)] = range_.end
        reader = spark.read.format("kafka").options(**self._connection, assign=json.dumps(assigned))
        reader = reader.option("startingOffsets", json.dumps(starts)).option("endingOffsets", json.dumps(ends))
        return self.select(reader.option("failOnDataLoss", str(fail_on_data_loss).lower()).load())

    def select(self, records: DataFrame) -> DataFrame:
        """``topic`` (without prefix), ``partition``, ``offset`` and ``value``."""
        topic = f.substr("topic", f.lit(len(self.topic_prefix) + 1)).alias("topic")
        return records.select(topic, "partition", "offset", "value")
