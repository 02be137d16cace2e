"""A streaming line with an edge behind it: raw files that the edge's own code ships, and builds from them."""

import os
import signal
import subprocess
import time
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from deltalake import DeltaTable
from kafka import KafkaProducer

from ingestion.clock import Clock
from ingestion.incarnation import begin
from ingestion.shipper import Shipper
from ingestion.tail_cache import Cursor
from ingestion.tail_cache import Line as LogLine
from lakehouse.contracts import tables, topics
from lakehouse.contracts.commit_info import BronzeCommit, EdgeWatermarks
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.records import AcceptedEvent, Watermark, frame_of
from lakehouse.settings import EdgeSettings, Settings
from lakehouse.transform.backfill import raw_build_process
from lakehouse.transform.building import watermark
from streaming.offsets import Offsets, ends_of
from tests.support.embedded_stack import EmbeddedStack
from tests.support.streaming_line import EVENTS_PER_BATCH, Line

ACCEPTED = [name for name in tables.BRONZE_COLUMNS if not name.startswith("kafka_")]
"""The columns that are functions of the accepted batch."""


class RawLine(Line):
    """A line whose edge ships what it seals, and delivers when it is told to."""

    def __init__(self, stack: EmbeddedStack, folder: Path) -> None:
        super().__init__(stack, folder)
        settings = EdgeSettings(name="edge-7")
        clock = Clock(folder / "clock.json")
        self.incarnation = begin(folder, clock, settings)
        self._shipper = Shipper(settings, self.files, self.layout, clock)
        self._shipper.start([self.incarnation])
        self._delivered = Cursor(0, 0)
        self.accepted = 0

    def accept(self, batches: int) -> None:
        """By the edge, into the segment that it is writing."""
        for number in range(batches):
            merchant = f"m{number % 5}"
            self.incarnation.log.append(merchant, [_event(self.accepted + i) for i in range(EVENTS_PER_BATCH)])
            self.accepted += EVENTS_PER_BATCH

    def ship(self) -> None:
        """Ends the segment, and waits until its raw file is committed."""
        self.incarnation.log.seal()
        wanted = {segment.number for segment in self.incarnation.log.sealed()}
        self._shipper.run_now()
        self.wait_until(lambda: wanted <= self.incarnation.shipped, 30)

    def deliver(self, mark: bool = True) -> None:
        """To Kafka, what has been accepted since the last time, and watermarks behind it."""
        producer: Any = KafkaProducer(bootstrap_servers=self.stack.settings.kafka_bootstrap, acks="all")
        topic = self.prefix + topics.EVENTS.name
        while lines := self.incarnation.log.lines.read(self._delivered, 1 << 20):
            self._delivered = self._send(producer, topic, lines)
        for partition in range(topics.EVENTS.partitions) if mark else ():
            stamp = self.incarnation.log.watermark(self._delivered)
            record = Watermark("edge-7", self.incarnation.id, partition, stamp)
            producer.send(topic, partition=partition, value=msgspec.json.encode(record))
        producer.flush(60)
        producer.close()

    def _send(self, producer: Any, topic: str, lines: list[LogLine]) -> Cursor:
        """Two lines a record, so that a handoff falls into frames, too."""
        for start in range(0, len(lines), 2):
            producer.send(topic, value=frame_of([line.text for line in lines[start : start + 2]]))
        return lines[-1].end

    def build(self, generation: int, events_per_commit: int) -> "Build":
        return Build(self, generation, events_per_commit)

    def said(self, generation: int) -> list[BronzeCommit]:
        return self.commits(GenerationNumber(generation))

    def rows_of(self, generation: int) -> int:
        return sum(commit.rows for commit in self.said(generation))

    def ends(self, generation: int) -> list[Offsets]:
        """Where its commits end that have read something, in their order."""
        return [found for found, _ in groupby(ends_of(commit) for commit in self.said(generation) if commit.offsets)]

    def marks_of(self, generation: int) -> list[EdgeWatermarks]:
        return watermark.fold_marks([], self.said(generation))

    def content(self, generation: int) -> list[tuple[Any, ...]]:
        """All rows, in the columns that are functions of the accepted batch, in order of position."""
        rows = self._table(self.layout.bronze(GenerationNumber(generation)), ACCEPTED).to_pylist()
        return sorted((tuple(row[name] for name in ACCEPTED) for row in rows), key=repr)

    def shown_from_kafka(self, generation: int) -> Counter[bool]:
        """How many rows name a Kafka offset, and how many do not."""
        offsets = self._table(self.layout.bronze(GenerationNumber(generation)), ["kafka_offset"])["kafka_offset"]
        return Counter(offset is not None for offset in offsets.to_pylist())

    def refused(self, generation: int) -> Counter[bytes]:
        """The bodies in quarantine that count."""
        committed = {(commit.epoch, commit.batch) for commit in self.said(generation)}
        url = f"{self.stack.settings.hdfs_url}{self.layout.quarantine(GenerationNumber(generation))}"
        rows = DeltaTable(url).to_pyarrow_table(columns=["body", "epoch", "batch"]).to_pylist()
        return Counter(row["body"] for row in rows if (row["epoch"], row["batch"]) in committed)

    def close(self) -> None:
        self._shipper.stop(10)
        super().close()


class Build:
    """One run of the build, which leads a process group with its JVM."""

    def __init__(self, line: RawLine, generation: int, events_per_commit: int) -> None:
        home = line.folder / "driver"
        home.mkdir(exist_ok=True)
        if not (home / "run").exists():
            (home / "run").symlink_to(line.stack.settings.home_path / "run")
        settings = Settings(home=home, port_base=line.stack.settings.port_base)
        own = {**line.environment, "LAKEHOUSE_HOME": str(home)}
        command = raw_build_process.rebuild_command(GenerationNumber(generation))
        self.log = home / "build.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--topic-prefix", line.prefix, "--events-per-commit", str(events_per_commit)],
                env=raw_build_process.rebuild_environment(settings) | own,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self, jvm_too: bool) -> None:
        """Without warning; the JVM of a driver that is gone may live on for a moment, and write."""
        if jvm_too:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = 240) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill(jvm_too=True)
            raise AssertionError(f"the build has not ended\n{self.words()}") from None

    def words(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def _event(number: int) -> AcceptedEvent:
    now = time.time_ns() // 1000
    return AcceptedEvent(
        id=f"r{number}",
        source="shop/ü",
        type="page.viewed",
        time=now - number,
        data='{"visitor_id":"ü\\n"}',
        subject=None if number % 2 else "s",
        extensions={"number": number, "text": "ü"} if number % 3 else None,
    )
