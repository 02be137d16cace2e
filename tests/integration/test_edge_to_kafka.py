"""Edge to Kafka and to raw files, with the edge and the broker killed while events come in.

What must hold afterwards, of everything that the topic has: every position that a receipt named is there; per
incarnation and partition the batches stand in order; no low mark was passed by a batch older than it; and what Kafka
has, the raw files have, byte for byte, with the edge's ledger agreeing.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition

from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts import topics
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import (
    CLOSED_MARK,
    AcceptedBatch,
    EdgeLedger,
    LowMark,
    RawManifest,
    Rejected,
    incarnation_of,
)
from lakehouse.errors import NotFoundError
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests import embedded_stack
from tests.embedded_stack import EmbeddedStack

BATCH = "application/cloudevents-batch+json"
PATIENCE = 120.0
_EVENTS = msgspec.json.Decoder(AcceptedBatch | LowMark)


@pytest.fixture(scope="module")
def edge(servers: EmbeddedStack) -> EmbeddedStack:
    embedded_stack.start(servers, ("edge",))
    return servers


@dataclass
class Shop:
    """Sends batches one after the other, as a merchant's client does: the same ids again until there is an answer."""

    stack: EmbeddedStack
    merchant: str
    receipts: list[dict[str, Any]] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        token = issue(self.stack.settings, self.merchant, [Scope.EVENTS_WRITE])
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": BATCH}

    def batch(self, size: int = 5) -> list[dict[str, Any]]:
        now = datetime.now(UTC).isoformat()
        self.sent += size
        return [
            {
                "specversion": "1.0",
                "id": f"{self.merchant}-{number}",
                "source": "/test",
                "type": "checkout.started",
                "time": now,
                "data": {"visitor_id": "v", "session_id": "s"},
            }
            for number in range(self.sent - size, self.sent)
        ]

    def send(self, events: list[dict[str, Any]]) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        body = json.dumps(events).encode()
        while True:
            try:
                response = httpx.post(
                    f"{self.stack.settings.edge_url}/v1/events", content=body, headers=self._headers, timeout=30
                )
                if response.status_code not in (429, 503):
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the edge did not come back"
            time.sleep(0.05)
        if response.status_code == 202:
            self.receipts.append(response.json()["receipt"])
        return response

    def send_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            assert self.send(self.batch()).status_code == 202


def keep_sending(stack: EmbeddedStack, name: str, trouble: Callable[[list[Shop]], None]) -> list[Shop]:
    """Some shops send while ``trouble`` happens."""
    shops = [Shop(stack, f"{name}-{number}") for number in range(4)]
    stop = threading.Event()
    threads = [threading.Thread(target=shop.send_until, args=(stop,)) for shop in shops]
    for thread in threads:
        thread.start()
    try:
        trouble(shops)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    return shops


def assert_all_is_kept(edge: EmbeddedStack, shops: list[Shop]) -> set[str]:
    """Every receipt is in the topic, and each incarnation's books agree with it. Returns the incarnations; the last of
    them is killed, so that all are closed."""
    incarnations = {incarnation_of(receipt["segment"]) for shop in shops for receipt in shop.receipts}
    edge.await_restart("edge", edge.kill("edge"))
    topic = await_closed(edge, incarnations)
    assert_receipts(topic, shops)
    for incarnation in incarnations:
        assert_books_agree(edge, topic, incarnation)
    return incarnations


def await_progress(shops: list[Shop], batches: int = 10) -> None:
    """Waits until every shop has had so many more answers."""
    wanted = {shop.merchant: len(shop.receipts) + batches for shop in shops}
    deadline = time.monotonic() + PATIENCE
    while any(len(shop.receipts) < wanted[shop.merchant] for shop in shops):
        assert time.monotonic() < deadline, "no answers"
        time.sleep(0.05)


def records(stack: EmbeddedStack, topic: str) -> Iterator[tuple[int, bytes]]:
    """Partition and value of everything that a topic has now."""
    consumer = KafkaConsumer(bootstrap_servers=stack.settings.kafka_bootstrap, fetch_max_wait_ms=100)
    parts = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    ends = consumer.end_offsets(parts)
    while any(consumer.position(part) < ends[part] for part in parts):
        for part, found in consumer.poll(timeout_ms=500).items():
            for record in found:
                yield part.partition, record.value
    consumer.close()


@dataclass
class Topic:
    """What a reader of the events topic knows. Reading it checks order and low marks."""

    lines: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """By incarnation: first sequence to the record's bytes."""
    closed: dict[str, set[int]] = field(default_factory=dict)
    marks: dict[tuple[str, int], int] = field(default_factory=dict)
    last: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, partition: int, value: bytes) -> None:
        record = _EVENTS.decode(value)
        if isinstance(record, LowMark):
            assert record.partition == partition
            self.marks[record.incarnation, partition] = record.mark
            if record.mark == CLOSED_MARK:
                self.closed.setdefault(record.incarnation, set()).add(partition)
            return
        incarnation = incarnation_of(record.segment)
        known = self.lines.setdefault(incarnation, {})
        if record.first in known:
            assert known[record.first] == value, "a copy differs from the first"
            return
        key = incarnation, partition
        assert record.first > self.last.get(key, -1), "a batch came after its successor"
        assert record.accepted_at >= self.marks.get(key, 0), "a low mark was passed"
        self.last[key] = record.first
        known[record.first] = value


def read_topic(stack: EmbeddedStack) -> Topic:
    topic = Topic()
    for partition, value in records(stack, topics.EVENTS.name):
        topic.add(partition, value)
    return topic


def positions(line: bytes) -> range:
    found = msgspec.json.decode(line, type=AcceptedBatch)
    return range(found.first, found.first + len(found.events))


def assert_receipts(topic: Topic, shops: list[Shop]) -> None:
    for shop in shops:
        assert shop.receipts
        for receipt in shop.receipts:
            line = topic.lines[incarnation_of(receipt["segment"])][receipt["first"]]
            assert positions(line) == range(receipt["first"], receipt["last"] + 1)
            assert msgspec.json.decode(line, type=AcceptedBatch).merchant_id == shop.merchant


def await_closed(stack: EmbeddedStack, incarnations: set[str]) -> Topic:
    """Waits until each of the incarnations has closed its books, and returns what the topic has then."""
    deadline = time.monotonic() + PATIENCE
    while True:
        topic = read_topic(stack)
        everywhere = set(range(topics.EVENTS.partitions))
        open_books = {one for one in incarnations if topic.closed.get(one) != everywhere or not is_closed(stack, one)}
        if not open_books:
            return topic
        assert time.monotonic() < deadline, f"still open: {open_books}\n{stack.log_tails()}"
        time.sleep(0.5)


def ledger(stack: EmbeddedStack, incarnation: str) -> EdgeLedger:
    files, layout = HdfsFiles(stack.settings.hdfs_url), Layout(stack.settings.warehouse)
    return msgspec.json.decode(files.read(layout.edge_ledger(stack.settings.edge.name, incarnation)), type=EdgeLedger)


def is_closed(stack: EmbeddedStack, incarnation: str) -> bool:
    try:
        return ledger(stack, incarnation).closed
    except NotFoundError:
        return False


def assert_books_agree(stack: EmbeddedStack, topic: Topic, incarnation: str) -> None:
    """The ledger, Kafka and the raw files of an incarnation that has ended hold the same positions."""
    files, layout = HdfsFiles(stack.settings.hdfs_url), Layout(stack.settings.warehouse)
    book = ledger(stack, incarnation)
    lines = topic.lines.get(incarnation, {})
    assert [number for first in sorted(lines) for number in positions(lines[first])] == list(range(book.next))
    assert sum(book.hours.values()) == book.next
    names = [
        entry.path for day in files.list(layout.raw) for entry in files.list(day.path) if incarnation in entry.name
    ]
    raw: list[bytes] = []
    manifests = [msgspec.json.decode(files.read(n), type=RawManifest) for n in names if n.endswith(".manifest.json")]
    for manifest in sorted(manifests, key=lambda one: one.first):
        data = files.read(next(name for name in names if name.endswith(f"/{manifest.segment}.ndjson")))
        assert hashlib.sha256(data).hexdigest() == manifest.checksum
        assert manifest.last - manifest.first + 1 == manifest.count == sum(manifest.hours.values())
        raw += data.splitlines()
    assert raw == [lines[first] for first in sorted(lines)]


@pytest.mark.stack
def test_an_answer_that_says_kafka_means_kafka(edge: EmbeddedStack) -> None:
    edge.await_healthy("edge")
    shop = Shop(edge, "calm")
    deadline = time.monotonic() + PATIENCE
    while sum(receipt["durable"] == "kafka" for receipt in shop.receipts) < 20:
        assert time.monotonic() < deadline, "Kafka does not keep up"
        shop.send(shop.batch(3))
    shop.receipts = [receipt for receipt in shop.receipts if receipt["durable"] == "kafka"]
    assert_receipts(read_topic(edge), [shop])


@pytest.mark.stack
def test_the_edge_is_killed_while_events_come_in(edge: EmbeddedStack) -> None:
    def kill_three_times(shops: list[Shop]) -> None:
        for _ in range(3):
            await_progress(shops)
            edge.await_restart("edge", edge.kill("edge"))
            edge.await_healthy("edge")

    edge.await_healthy("edge")
    shops = keep_sending(edge, "killed", kill_three_times)
    assert len(assert_all_is_kept(edge, shops)) >= 3


@pytest.mark.stack
def test_the_broker_is_killed_while_events_come_in(edge: EmbeddedStack) -> None:
    def kill_the_broker(shops: list[Shop]) -> None:
        for _ in range(2):
            await_progress(shops)
            edge.await_restart("kafka", edge.kill("kafka"))
            edge.await_healthy("kafka", "edge")

    edge.await_healthy("kafka", "edge")
    shops = keep_sending(edge, "brokerless", kill_the_broker)
    assert_all_is_kept(edge, shops)


@pytest.mark.stack
def test_what_is_refused_reaches_its_topic(edge: EmbeddedStack) -> None:
    edge.await_healthy("kafka", "edge")
    shop = Shop(edge, "clumsy")
    bad = shop.batch(1)[0] | {"data": {"visitor_id": "secret-visitor"}}
    assert shop.send([bad]).status_code == 400
    deadline = time.monotonic() + PATIENCE
    found: list[Rejected] = []
    while not found:
        assert time.monotonic() < deadline
        everything = [msgspec.json.decode(value, type=Rejected) for _, value in records(edge, topics.REJECTED.name)]
        found = [record for record in everything if record.merchant_id == "clumsy"]
    assert [(record.id, record.reason, record.detail) for record in found] == [
        ("clumsy-0", "missing_field", "data.session_id")
    ]
    assert b"secret-visitor" not in found[0].body
    assert json.loads(found[0].body)["data"]["visitor_id"].startswith("p_")
