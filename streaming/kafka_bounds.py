"""The offsets that the broker has, read through the Kafka client that Spark's source uses itself.

In: topics. Out: the bounds of each of their partitions, or :class:`NotReadyError`.
"""

from collections.abc import Sequence
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from lakehouse.errors import NotReadyError
from streaming.offsets import Bounds

TIMEOUT_MS = "10000"


def read_bounds(spark: SparkSession, bootstrap: str, topics: Sequence[str]) -> dict[str, dict[int, Bounds]]:
    """Earliest and latest offset of every partition."""
    jvm: Any = spark.sparkContext._jvm
    options = jvm.java.util.HashMap()
    for name in ("request.timeout.ms", "default.api.timeout.ms"):
        options.put(name, TIMEOUT_MS)
    options.put("bootstrap.servers", bootstrap)
    client = jvm.org.apache.kafka.clients.admin.AdminClient.create(options)
    try:
        partitions = _partitions(jvm, client, topics)
        earliest = _offsets(jvm, client, partitions, jvm.org.apache.kafka.clients.admin.OffsetSpec.earliest())
        latest = _offsets(jvm, client, partitions, jvm.org.apache.kafka.clients.admin.OffsetSpec.latest())
    except Py4JJavaError as error:
        raise NotReadyError(f"Kafka at {bootstrap} did not answer: {error.java_exception}") from error
    finally:
        client.close(jvm.java.time.Duration.ofSeconds(1))
    found: dict[str, dict[int, Bounds]] = {topic: {} for topic in topics}
    for (topic, partition), offset in earliest.items():
        found[topic][partition] = Bounds(offset, latest[topic, partition])
    return found


def _partitions(jvm: Any, client: Any, topics: Sequence[str]) -> list[Any]:
    names = jvm.java.util.ArrayList()
    for topic in topics:
        names.add(topic)
    described = client.describeTopics(names).allTopicNames().get()
    new = jvm.org.apache.kafka.common.TopicPartition
    return [new(topic, p.partition()) for topic in topics for p in described[topic].partitions()]


def _offsets(jvm: Any, client: Any, partitions: list[Any], spec: Any) -> dict[tuple[str, int], int]:
    wanted = jvm.java.util.HashMap()
    for partition in partitions:
        wanted.put(partition, spec)
    found = client.listOffsets(wanted).all().get()
    return {(p.topic(), p.partition()): found[p].offset() for p in partitions}
