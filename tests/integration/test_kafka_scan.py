"""A topic is read from its beginning or from an instant on, by the stamps of its records, on a real broker."""

import uuid

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from lakehouse.clients.kafka_scan import scan
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack

PARTITIONS, RECORDS = 3, 60
FIRST, STEP = 1_700_000_000_000, 1_000
"""The first record's stamp, and how much later the next one's is, in milliseconds."""


@pytest.fixture(scope="module")
def topic(servers: EmbeddedStack) -> str:
    name, bootstrap = f"scan-{uuid.uuid4().hex}", servers.settings.kafka_bootstrap
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name, num_partitions=PARTITIONS, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for number in range(RECORDS):
        value, stamp = str(number).encode(), FIRST + number * STEP
        producer.send(name, value=value, partition=number % PARTITIONS, timestamp_ms=stamp)
    producer.flush()
    producer.close()
    return name


@pytest.mark.parametrize("begin", [0, 1, 20, RECORDS - 1, RECORDS])
def test_what_was_sent_from_an_instant_on(servers: EmbeddedStack, topic: str, begin: int) -> None:
    since = FIRST + begin * STEP if begin else 0
    with scan(servers.settings.kafka_bootstrap, topic) as opened:
        found = sorted(int(record.value) for record in opened.records(since))
        assert found == list(range(begin, RECORDS))
        assert sum(bounds.end - bounds.start for bounds in opened.bounds.values()) == RECORDS
