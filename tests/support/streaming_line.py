"""A streaming line of its own beside the stack's: own topics, warehouse and home, on the real Kafka and HDFS."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
from deltalake import DeltaTable
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import TopicPartition

from lakehouse.clients import delta_log
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts import topics
from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, Rejected, Watermark, frame_of
from lakehouse.releases.generations import FIRST_GENERATION
from tests.support.embedded_stack import EmbeddedStack, free_port_base

EVENTS_PER_BATCH = 5
LINES_PER_FRAME = 3


class Driver:
    """One ``python -m streaming``. It leads a process group, so that its JVM can be frozen with it."""

    def __init__(self, line: "Line", home: Path) -> None:
        home.mkdir(exist_ok=True)
        if not (home / "run").exists():
            (home / "run").symlink_to(line.stack.settings.home_path / "run")
        self.port = free_port_base()
        self.log = home / "streaming.log"
        environment = line.environment | {"LAKEHOUSE_HOME": str(home)}
        command = [sys.executable, "-m", "streaming", "--topic-prefix", line.prefix, "--port", str(self.port)]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def jvm(self) -> int | None:
        """The process id of the JVM, if it has been started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()] if children.exists() else []
        return next((pid for pid in pids if Path(f"/proc/{pid}/comm").read_text().strip() == "java"), None)

    def signal(self, number: signal.Signals) -> None:
        """To the driver and its JVM."""
        os.killpg(self.process.pid, number)

    def state(self) -> str:
        try:
            return str(httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).json()["state"])
        except httpx.HTTPError:
            return "does not answer"

    def end(self) -> int:
        """Asks it to stop, and returns its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            if self.process.returncode is None:
                self.signal(signal.SIGKILL)
                self.process.wait()


class Line:
    """Topics, a warehouse, a producer, and the drivers of one test."""

    def __init__(self, stack: EmbeddedStack, folder: Path) -> None:
        name = secrets.token_hex(4)
        self.stack = stack
        self.folder = folder
        self.prefix = f"{name}-"
        self.layout = Layout(f"/streaming-{name}")
        self.files = HdfsFiles(stack.settings.hdfs_url)
        self.environment = stack.environment | {
            "LAKEHOUSE_WAREHOUSE": self.layout.root,
            "LAKEHOUSE_STREAMING__TRIGGER_INTERVAL": "PT1S",
            "LAKEHOUSE_STREAMING__DRIVER_MEMORY": "768m",
        }
        self.drivers: list[Driver] = []
        self.garbage: Counter[bytes] = Counter()
        self._seen: dict[GenerationNumber, list[BronzeCommit | None]] = {}
        self.sent = 0
        self._create_topics()

    def driver(self, name: str) -> Driver:
        """Starts a driver; one with the same name continues in the same home."""
        self.drivers.append(Driver(self, self.folder / name))
        return self.drivers[-1]

    def produce(self, batches: int) -> None:
        """Some accepted batches in frames, garbage among them, a watermark for each partition, and a reject."""
        producer: Any = KafkaProducer(bootstrap_servers=self.stack.settings.kafka_bootstrap, acks="all")
        events = self.prefix + topics.EVENTS.name
        rejected, garbage = secrets.token_bytes(30), b"\xff" + secrets.token_bytes(30).replace(b"\n", b"")
        lines = [garbage]
        for _ in range(batches):
            lines.append(msgspec.json.encode(_batch(self.sent)))
            self.sent += EVENTS_PER_BATCH
        for start in range(0, len(lines), LINES_PER_FRAME):
            producer.send(events, value=frame_of(lines[start : start + LINES_PER_FRAME]))
        for partition in range(topics.EVENTS.partitions):
            mark = Watermark("edge-1", "ab12", partition, _now())
            producer.send(events, partition=partition, value=msgspec.json.encode(mark))
        record = Rejected("edge-1", _now(), "m1", "missing_field", "data.currency", rejected)
        producer.send(self.prefix + topics.REJECTED.name, value=msgspec.json.encode(record))
        self.garbage.update([rejected, garbage])
        producer.flush(60)
        producer.close()

    def delete_records(self, before: dict[int, int]) -> None:
        """What retention does, now: forget everything before these offsets of the events topic."""
        topic = self.prefix + topics.EVENTS.name
        admin: Any = KafkaAdminClient(bootstrap_servers=self.stack.settings.kafka_bootstrap)
        admin.delete_records({TopicPartition(topic, partition): offset for partition, offset in before.items()})
        admin.close()

    def commits(self, generation: GenerationNumber = FIRST_GENERATION) -> list[BronzeCommit]:
        """What a generation's commits state. Each is read once, however often a test looks."""
        seen = self._seen.setdefault(generation, [])
        log = delta_log.commits_since(self.files, self.layout.bronze(generation), len(seen) - 1)
        seen += map(delta_log.bronze_commit, log)
        return [commit for commit in seen if commit is not None]

    def rows(self) -> int:
        return sum(commit.rows for commit in self.commits())

    def sequences(self) -> Counter[int]:
        """How often each sequence is in bronze, read by another engine."""
        return Counter(self._table(self.layout.bronze(FIRST_GENERATION), ["seq"])["seq"].to_pylist())

    def quarantined(self) -> Counter[bytes]:
        """The bodies in quarantine that count: those of batches that bronze has committed."""
        committed = {(commit.epoch, commit.batch) for commit in self.commits()}
        rows = self._table(self.layout.quarantine(FIRST_GENERATION), ["body", "epoch", "batch"]).to_pylist()
        return Counter(row["body"] for row in rows if (row["epoch"], row["batch"]) in committed)

    def logs(self) -> str:
        return "\n".join(driver.log.read_text(errors="replace")[-4000:] for driver in self.drivers)

    def close(self) -> None:
        for driver in self.drivers:
            if driver.process.poll() is None:
                driver.signal(signal.SIGKILL)
                driver.process.wait()
        self.files.delete(self.layout.root)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"it did not come about in time\n{self.logs()}"
            time.sleep(0.25)

    def _table(self, path: str, columns: list[str]) -> Any:
        return DeltaTable(f"{self.stack.settings.hdfs_url}{path}").to_pyarrow_table(columns=columns)

    def _create_topics(self) -> None:
        admin: Any = KafkaAdminClient(bootstrap_servers=self.stack.settings.kafka_bootstrap)
        admin.create_topics([NewTopic(self.prefix + topic.name, topic.partitions, 1) for topic in topics.ALL_TOPICS])
        admin.close()


def _batch(first: int) -> AcceptedBatch:
    now = _now()
    events = [
        AcceptedEvent(id=f"e{first + i}", source="shop/ü", type="page.viewed", time=now, data='{"visitor_id":"v"}')
        for i in range(EVENTS_PER_BATCH)
    ]
    return AcceptedBatch("edge-1", "ab12-0", first, now, f"m{first % 17}", events)


def _now() -> int:
    return time.time_ns() // 1000
