"""Kafka's administration: the topics of the contract, and whether a broker answers.

In: a bootstrap address. Out: topics that exist as ``contracts.topics`` says, and how many brokers have what a topic
acknowledges. Promise: an existing topic is never made smaller or emptied. Where there are brokers enough, none of them
alone acknowledges.
"""

import socket
from collections.abc import Iterable
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from lakehouse.contracts.topics import Topic
from lakehouse.errors import NotReadyError

_REPLICAS = 3
_MIN_IN_SYNC = "min.insync.replicas"


def broker_count(bootstrap: str, seconds: float) -> int:
    """How many brokers the cluster says it has; raises :class:`NotReadyError` if it does not answer."""
    try:
        _reach_one(bootstrap, seconds)  # the client would go on trying closed ports
        client = _connect(bootstrap, seconds)
        try:
            return len(client.describe_cluster()["brokers"])
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        raise NotReadyError(f"does not answer ({type(error).__name__})") from error


def _reach_one(bootstrap: str, seconds: float) -> None:
    addresses = bootstrap.split(",")
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), seconds / len(addresses)).close()
        except OSError:
            if address is addresses[-1]:
                raise
        else:
            return


def acknowledging_replicas(bootstrap: str, topic: str, seconds: float = 10.0) -> int:
    """How many brokers have a record of the topic at least when it is acknowledged with acks=all: its effective
    ``min.insync.replicas``. Raises :class:`NotReadyError` if Kafka does not say."""
    try:
        client = _connect(bootstrap, seconds)
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic)
            found = client.describe_configs([resource], config_filter="all")
            return int(found["topic"][topic][_MIN_IN_SYNC]["value"])
        finally:
            client.close()
    except (KafkaError, OSError, LookupError, ValueError) as error:
        text = f"Kafka at {bootstrap} does not tell {_MIN_IN_SYNC} of {topic} ({type(error).__name__}: {error})"
        raise NotReadyError(text) from error


def create_topics(bootstrap: str, topics: Iterable[Topic], seconds: float = 30.0) -> list[str]:
    """Create the topics that are missing, on three brokers if there are so many, and return their names."""
    wanted = list(topics)
    try:
        client = _connect(bootstrap, seconds)
        try:
            present = set(client.list_topics())
            missing = [topic for topic in wanted if topic.name not in present]
            replication = min(_REPLICAS, len(client.describe_cluster()["brokers"]))
            for topic in missing:
                _create(client, topic, replication)
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        raise NotReadyError(f"Kafka at {bootstrap} does not answer ({type(error).__name__}: {error})") from error
    return [topic.name for topic in missing]


def _create(client: Any, topic: Topic, replication: int) -> None:
    configuration = {
        "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
        "max.message.bytes": str(topic.max_message_bytes),
        _MIN_IN_SYNC: str(min(2, replication)),
    }
    new = NewTopic(topic.name, topic.partitions, replication, topic_configs=configuration)
    try:
        client.create_topics([new])
    except TopicAlreadyExistsError:
        return  # another one was faster


def _connect(bootstrap: str, seconds: float) -> Any:
    milliseconds = int(seconds * 1000)
    return KafkaAdminClient(
        bootstrap_servers=bootstrap,
        client_id="lakehouse-admin",
        request_timeout_ms=milliseconds,
        bootstrap_timeout_ms=milliseconds,
    )
