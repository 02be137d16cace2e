"""A second Kafka broker beside a stack's own, so that an acknowledgement can come from two."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError

from compose.local import artifacts, fetch, java, kafka
from compose.local.program import properties, write_files
from lakehouse.contracts import topics
from tests.support.embedded_stack import EmbeddedStack

T = TypeVar("T")
NODE = 2
_SECONDS = 60.0


@dataclass
class SecondBroker:
    """Its configuration is the stack's broker's, but for its number, its port, its folder and its role."""

    stack: EmbeddedStack
    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        settings = self.stack.settings
        found = fetch.ensure(settings.cache_path, artifacts.CONFIGURATIONS, print)
        server = dict(
            line.split("=", 1) for line in kafka.render(settings)["server.properties"].splitlines() if "=" in line
        )
        address = f"PLAINTEXT://{settings.host}:{self.port}"
        own = {"process.roles": "broker", "node.id": NODE, "listeners": address, "advertised.listeners": address}
        text = properties({**server, **own, "log.dirs": self.folder / "data"})
        write_files(self.folder, {"server.properties": text, "log4j2.xml": kafka.render(settings)["log4j2.xml"]})
        self._java = [java.java(), "-cp", f"{found['kafka']}/*", "-Xmx256m", "-XX:+UseSerialGC"]
        meta = (settings.home_path / "kafka" / "data" / "meta.properties").read_text()
        cluster = next(line.removeprefix("cluster.id=") for line in meta.splitlines() if line.startswith("cluster.id="))
        self._run("kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", self._config)

    @property
    def _config(self) -> str:
        return str(self.folder / "server.properties")

    def _run(self, *command: str) -> None:
        subprocess.run([*self._java, *command], check=True, stdin=subprocess.DEVNULL, capture_output=True)

    def start(self) -> None:
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._java, "kafka.Kafka", self._config], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def await_in_sync(self, replicas: int) -> None:
        """Until all partitions of events have so many replicas in sync."""

        def in_sync() -> bool:
            with _admin(self.stack) as admin:
                (topic,) = admin.describe_topics([topics.EVENTS.name])
                return all(len(each["isr_nodes"]) == replicas for each in topic["partitions"])

        deadline = time.monotonic() + _SECONDS
        while not patiently(in_sync):
            assert time.monotonic() < deadline, f"not {replicas} in sync"
            time.sleep(0.3)


@contextmanager
def joined(stack: EmbeddedStack, folder: Path, port: int) -> Iterator[SecondBroker]:
    """Events are on both brokers, and acknowledged by both; in the end, on the stack's own again."""
    second = SecondBroker(stack, folder, port)
    second.start()
    try:
        _place(stack, [1, NODE])
        second.await_in_sync(2)
        _acknowledge_by(stack, 2)
        yield second
    finally:
        patiently(lambda: _acknowledge_by(stack, 1))
        _place(stack, [1])
        second.await_in_sync(1)
        second.kill()


def patiently(ask: Callable[[], T]) -> T:
    """The client fails at once where it asks a broker that is gone and that the cluster has not yet missed."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return ask()
        except KafkaError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def _place(stack: EmbeddedStack, brokers: list[int]) -> None:
    parts = [TopicPartition(topics.EVENTS.name, number) for number in range(topics.EVENTS.partitions)]

    def refused() -> bool:
        with _admin(stack) as admin:
            return any(admin.alter_partition_reassignments(dict.fromkeys(parts, brokers)).values())

    deadline = time.monotonic() + _SECONDS
    while patiently(refused):
        assert time.monotonic() < deadline, "the second broker did not come"
        time.sleep(0.5)


def _acknowledge_by(stack: EmbeddedStack, brokers: int) -> None:
    wanted = {"min.insync.replicas": str(brokers)}
    with _admin(stack) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topics.EVENTS.name, wanted)])


@contextmanager
def _admin(stack: EmbeddedStack) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=stack.settings.kafka_bootstrap)
    try:
        yield client
    finally:
        client.close()
