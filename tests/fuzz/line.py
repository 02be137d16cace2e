"""The real line behind the edge: Spark's parser and bronze writer, a Delta table on HDFS, the frozen models on Trino.

In: the lines of segment logs, as Kafka carries them. Out: bronze commits, and a released cycle for each. Built only by
what the services themselves use; there is no Kafka in between, and no service that builds by itself.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts import topics
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedBatch
from lakehouse.contracts.tables import GOLD_SCHEMA
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.settings import Settings
from lakehouse.transform.cycle import Outcome
from lakehouse.transform.service import Transform
from streaming import split_events
from streaming.bronze_tables import BronzePaths, create_tables
from streaming.bronze_writer import BronzeWriter, Written
from streaming.epochs import next_epoch
from streaming.lease import this_process
from tests.support.bronze_rows import Row

RECORDS = "topic string, partition int, offset bigint, value binary"
_START = {topic.name: dict.fromkeys(range(topic.partitions), 0) for topic in topics.ALL_TOPICS}


class Line:
    """One warehouse, whose live gold version grows by one cycle for each delivery."""

    def __init__(self, settings: Settings, spark: SparkSession) -> None:
        transform = settings.transform.model_copy(update={"max_rows_per_cycle": 1})
        self.settings = settings.model_copy(update={"transform": transform})
        self.trino = Trino.of(self.settings)
        self._spark = spark
        self._layout = Layout(settings.warehouse)
        self._paths = BronzePaths(settings.hdfs_url, self._layout, FIRST_GENERATION)
        self._offsets = [0] * topics.EVENTS.partitions
        files = HdfsFiles(settings.hdfs_url)
        create_tables(spark, self._paths)
        epoch = next_epoch(files, self._layout, FIRST_GENERATION, this_process())
        self._writer = BronzeWriter(spark, files, self._paths, epoch)
        self._writer.begin(self._writer.fence() or _START)
        self._log = ReleaseLog(files, self._layout)
        self._transform = Transform(self.settings)

    def deliver(self, lines: Iterable[bytes]) -> Written | None:
        """One micro-batch of the streaming job."""
        frame = self._spark.createDataFrame([self._record(line) for line in lines], RECORDS)
        return self._writer.write(frame.coalesce(1))

    def refused(self, lines: Iterable[bytes]) -> list[bytes]:
        """The events that the streaming job refuses, each as a line of its own."""
        alone = [one for line in lines for one in _alone(line)]
        frame = self._spark.createDataFrame([self._record(line) for line in alone], RECORDS)
        return [bytes(row["value"]) for row in split_events.parse(frame).where("refusal IS NOT NULL").collect()]

    def cycle(self) -> Outcome:
        """What the transform service does in one turn; raises what it would log as a failed cycle."""
        return self._transform.turn()

    def bronze(self, merchants: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of merchants, read by another engine."""
        return self._rows(self._paths.events_url, merchants).to_pylist()  # type: ignore[no-any-return]

    def gold(self, table: str, merchants: Sequence[str]) -> Any:
        """The rows of merchants as Arrow, as the insights API reads them."""
        current = self._log.current()
        assert current is not None
        state = current.release.tables[f"{GOLD_SCHEMA}.{table}"]
        return self._rows(f"{self.settings.hdfs_url}{state.location}", merchants, state.delta_version)

    def _rows(self, url: str, merchants: Sequence[str], version: int | None = None) -> Any:
        return DeltaTable(url, version).to_pyarrow_table(filters=[("merchant_id", "in", list(merchants))])

    def _record(self, line: bytes) -> tuple[str, int, int, bytearray]:
        partition = len(msgspec.json.decode(line, type=AcceptedBatch).merchant_id) % topics.EVENTS.partitions
        self._offsets[partition] += 1
        return topics.EVENTS.name, partition, self._offsets[partition] - 1, bytearray(line)


def _alone(line: bytes) -> list[bytes]:
    batch = msgspec.json.decode(line, type=AcceptedBatch)
    return [msgspec.json.encode(msgspec.structs.replace(batch, events=[event])) for event in batch.events]


def rows_of(lines: Iterable[bytes]) -> list[Row]:
    """The accepted events of lines as bronze must have them: instants are cut to the millisecond."""
    rows: list[Row] = []
    for line in lines:
        batch = msgspec.json.decode(line, type=AcceptedBatch)
        rows += [
            Row(
                batch.edge,
                batch.segment,
                batch.first + index,
                _instant(batch.accepted_at),
                batch.merchant_id,
                event.source,
                event.id,
                event.type,
                _instant(event.time),
                event.data,
            )
            for index, event in enumerate(batch.events)
        ]
    return rows


def _instant(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000 // 1000 * 1000)
