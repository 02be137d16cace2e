"""Kafka's administration: the topics of the contract, and whether a broker answers.

In: a bootstrap address. Out: topics that exist as ``contracts.topics`` says. Promise: an existing topic is never made
smaller or emptied.
"""

import socket
from collections.abc import Iterable
from typing import Any

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from lakehouse.contracts.topics import Topic
from lakehouse.errors import NotReadyError


def broker_count(bootstrap: str, seconds: float) -> int:
    """How many brokers the cluster says it has; raises :class:`NotReadyError` if it does not answer."""
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), seconds).close()  # the client would go on trying a closed port
        client = _connect(bootstrap, seconds)
        try:
            return len(client.describe_cluster()["brokers"])
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        raise NotReadyError(f"does not answer ({type(error).__name__})") from error


def create_topics(bootstrap: str, topics: Iterable[Topic], replication: int = 1, seconds: float = 30.0) -> list[str]:
    """Create the topics that are missing, and return their names."""
    wanted = list(topics)
    try:
        client = _connect(bootstrap, seconds)
        try:
            present = set(client.list_topics())
            missing = [topic for topic in wanted if topic.name not in present]
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
