"""Edge to Kafka and to raw files, with the edge and the broker killed while events come in.

What must hold afterwards, of everything that the topic has: every position that a receipt named is there; per
incarnation and partition the batches stand in order; no watermark was passed by a batch older than it; and what Kafka
has, the raw files have, byte for byte, with the edge's ledger agreeing.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import zstandard
from kafka import KafkaConsumer, TopicPartition

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.kafka_admin import acknowledging_replicas
from lakehouse.contracts import topics
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import (
    CLOSED_MARK,
    AcceptedBatch,
    EdgeLedger,
    RawManifest,
    Rejected,
    Watermark,
    incarnation_of,
    lines_of,
)
from lakehouse.errors import NotFoundError
from tests.integration.sending_shops import PATIENCE, Shop, await_progress, keep_sending
from tests.support import embedded_stack, second_broker
from tests.support.embedded_stack import EmbeddedStack

_EVENTS = msgspec.json.Decoder(AcceptedBatch | Watermark)


@pytest.fixture(scope="module")
def edge(servers: EmbeddedStack) -> EmbeddedStack:
    embedded_stack.start(servers, ("edge",))
    return servers


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
    """What a reader of the events topic knows. Reading it checks order and watermarks."""

    lines: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """By incarnation: first sequence to the record's bytes."""
    closed: dict[str, set[int]] = field(default_factory=dict)
    marks: dict[tuple[str, int], int] = field(default_factory=dict)
    last: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, partition: int, value: bytes) -> None:
        record = _EVENTS.decode(value)
        if isinstance(record, Watermark):
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
        assert record.accepted_at >= self.marks.get(key, 0), "a watermark was passed"
        self.last[key] = record.first
        known[record.first] = value


def read_topic(stack: EmbeddedStack) -> Topic:
    topic = Topic()
    for partition, value in second_broker.patiently(lambda: list(records(stack, topics.EVENTS.name))):
        lines = lines_of(value)
        assert len(lines) == 1 or len({incarnation_of(_EVENTS.decode(line).segment) for line in lines}) == 1
        for line in lines:
            topic.add(partition, line)
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
    """The last one, of an incarnation that has ended and owes nothing."""
    files, layout = HdfsFiles(stack.settings.hdfs_url), Layout(stack.settings.warehouse)
    return msgspec.json.decode(files.read(layout.closed_ledger(stack.settings.edge.name, incarnation)), type=EdgeLedger)


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
        data = files.read(next(name for name in names if name.endswith(f"/{manifest.segment}.ndjson.zst")))
        assert hashlib.sha256(data).hexdigest() == manifest.checksum
        assert manifest.last - manifest.first + 1 == manifest.count == sum(manifest.hours.values())
        raw += zstandard.ZstdDecompressor().decompress(data).splitlines()
    assert raw == [lines[first] for first in sorted(lines)]


@pytest.mark.stack
def test_with_one_broker_an_answer_says_disk_and_kafka_follows(edge: EmbeddedStack) -> None:
    edge.await_healthy("edge")
    assert acknowledging_replicas(edge.settings.kafka_bootstrap, topics.EVENTS.name) == 1
    shop = Shop(edge, "alone")
    for _ in range(20):
        shop.send(shop.batch(3))
    assert {receipt["durable"] for receipt in shop.receipts} == {"disk"}
    await_receipts(edge, shop)


@pytest.mark.stack
@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_an_answer_that_says_kafka_means_two_brokers(edge: EmbeddedStack, tmp_path: Path) -> None:
    """One of two goes and comes back; each answer names what its events survive at that moment."""
    shop = Shop(edge, "calm")

    def await_answers(durable: str) -> None:
        deadline, wanted = time.monotonic() + PATIENCE, len(shop.receipts) + 20
        while len(shop.receipts) < wanted or {one["durable"] for one in shop.receipts[-20:]} != {durable}:
            assert time.monotonic() < deadline, shop.receipts[-1]
            shop.send(shop.batch(3))

    with second_broker.joined(edge, tmp_path, embedded_stack.free_port_base()) as second:
        edge.await_restart("edge", edge.kill("edge"))
        edge.await_healthy("edge")
        await_answers("kafka")
        on_both = [one for one in shop.receipts if one["durable"] == "kafka"]
        second.kill()
        await_answers("disk")
        second.start()
        await_answers("kafka")
        second.await_in_sync(2)
        assert all(
            receipt["first"] in read_topic(edge).lines[incarnation_of(receipt["segment"])] for receipt in on_both
        )
    edge.await_restart("edge", edge.kill("edge"))
    edge.await_healthy("edge")
    await_receipts(edge, shop)


def await_receipts(edge: EmbeddedStack, shop: Shop) -> None:
    deadline = time.monotonic() + PATIENCE
    last = shop.receipts[-1]
    while last["first"] not in (topic := read_topic(edge)).lines.get(incarnation_of(last["segment"]), {}):
        assert time.monotonic() < deadline, "Kafka does not follow"
        time.sleep(0.3)
    assert_receipts(topic, [shop])


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


@pytest.mark.stack
def test_what_is_sent_in_odd_but_legal_forms_reaches_kafka_as_any_other(edge: EmbeddedStack) -> None:
    """data_base64, nulls, and unknown fields under known names: one compact JSON, whatever was sent."""
    edge.await_healthy("kafka", "edge")
    shop = Shop(edge, "odd")
    plain, coded = shop.batch(2)
    plain["data"] |= {"order_id": None, "amount_minor": "19.99"}
    content = json.dumps({"amount_minor": "19.99", "session_id": "s", "visitor_id": "v"})
    coded = {name: value for name, value in coded.items() if name != "data"}
    assert shop.send([plain, coded | {"data_base64": base64.b64encode(content.encode()).decode()}]).status_code == 202
    receipt = shop.receipts[0]
    deadline = time.monotonic() + PATIENCE
    while receipt["first"] not in (lines := read_topic(edge).lines.get(incarnation_of(receipt["segment"]), {})):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    first, second = msgspec.json.decode(lines[receipt["first"]], type=AcceptedBatch).events
    assert first.data == second.data
    data = json.loads(first.data)
    assert data.pop("visitor_id").startswith("p_")
    assert data == {"amount_minor": "19.99", "session_id": "s"}
