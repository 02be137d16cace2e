"""A bronze table in a local folder, the records that its drivers write, and what another engine then reads."""

from collections import Counter
from pathlib import Path

import msgspec
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from lakehouse.clients import delta_log
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, Watermark
from lakehouse.releases.generations import FIRST_GENERATION
from streaming.bronze_tables import BronzePaths, create_tables
from streaming.bronze_writer import BronzeWriter
from streaming.epochs import next_epoch
from streaming.lease import this_process

LAYOUT = Layout("/lakehouse")
AT = 1_763_892_000_000_000
START = {"events": {0: 0, 1: 0}, "rejected": {0: 0}}
RECORDS = "topic string, partition int, offset bigint, value binary"


class Bronze:
    """A fresh table, and what is asked of it."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark = spark
        self.folder = folder
        self.files = LocalFiles(folder)
        self.paths = BronzePaths(f"file:{folder}", LAYOUT, FIRST_GENERATION)
        create_tables(spark, self.paths)

    def driver(self, files: LocalFiles | None = None) -> BronzeWriter:
        epoch = next_epoch(self.files, LAYOUT, FIRST_GENERATION, this_process())
        return BronzeWriter(self.spark, files or self.files, self.paths, epoch)

    def begun(self) -> BronzeWriter:
        driver = self.driver()
        driver.begin(driver.fence() or START)
        return driver

    def frame(self, *values: tuple[int, int, bytes]) -> DataFrame:
        rows = [("events", partition, offset, bytearray(value)) for partition, offset, value in values]
        return self.spark.createDataFrame(rows, RECORDS).coalesce(1)

    def batches(self, first: int, end: int) -> DataFrame:
        return self.frame(*[(0, offset, batch(offset)) for offset in range(first, end)])

    def positions(self) -> Counter[int]:
        """How often each sequence is there, read by another engine."""
        table = DeltaTable(self.folder / self.paths.events.lstrip("/")).to_pyarrow_table(columns=["seq"])
        return Counter(table["seq"].to_pylist())

    def commits(self) -> list[BronzeCommit]:
        log = delta_log.commits_since(self.files, self.paths.events, -1)
        return [commit for commit in map(delta_log.bronze_commit, log) if commit is not None]


def batch(number: int) -> bytes:
    """A record with two events; number ``n`` has the sequences 2n and 2n + 1."""
    event = AcceptedEvent(id=f"e{number}", source="shop", type="page.viewed", time=AT, data="{}")
    return msgspec.json.encode(AcceptedBatch("edge-1", "ab-0", 2 * number, AT, "m1", [event, event]))


def mark(partition: int, at: int) -> bytes:
    return msgspec.json.encode(Watermark("edge-1", "ab", partition, at))


def exactly_once(numbers: range) -> Counter[int]:
    return Counter({seq: 1 for number in numbers for seq in (2 * number, 2 * number + 1)})
