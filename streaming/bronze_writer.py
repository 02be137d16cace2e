"""Writes one micro-batch: quarantine first, bronze last. The bronze commit is the commit point of everything.

In: Kafka records. Out: one commit of the bronze table that holds the rows, the offsets they came from and the
watermarks among them, in a single atomic step. Promise: no offset is in two commits, whatever is killed or frozen.

Why a frozen driver cannot hurt: its commits carry its epoch, and Delta checks that number against the log both when a
write begins (it then writes nothing, and reports nothing) and when it commits (a conflict). So after each write the
log is read back: if our number is not there, a newer driver is in charge and this one stops.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from delta.exceptions import ConcurrentTransactionException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import instants
from lakehouse.clients import delta_log
from lakehouse.clients.files import Files
from lakehouse.contracts import tables
from lakehouse.contracts.commit_info import BronzeCommit, PartitionRange
from lakehouse.errors import LakehouseError, SupersededError
from lakehouse.json_logs import fields
from streaming import split_events
from streaming.batch_summary import BatchSummary, summarize
from streaming.bronze_tables import BronzePaths
from streaming.epochs import epoch_of, transaction_version
from streaming.known_batches import NOTHING, Known
from streaming.offsets import Offsets, advance, ends_of

log = logging.getLogger(__name__)

ROWS_PER_FILE = 200_000
"""Up to here a batch is written by one task, so that quiet hours do not leave many small files."""


@dataclass(frozen=True)
class Written:
    """A commit that is in the log. ``version`` is the bronze table's."""

    version: int
    commit: BronzeCommit


class BronzeWriter:
    """The only writer of a bronze generation, as long as its epoch is the highest.

    Batches that are ``known``, because bronze has them from raw files, make no rows.
    """

    def __init__(
        self,
        spark: SparkSession,
        files: Files,
        paths: BronzePaths,
        epoch: int,
        known: Known = NOTHING,
    ) -> None:
        self._spark = spark
        self._files = files
        self._paths = paths
        self._epoch = epoch
        self._known = known
        self._batch = 0
        self._head = -1
        self._consumed: Offsets = {}

    def fence(self) -> Offsets:
        """Shuts out older drivers, and returns what bronze has consumed once none of them can add to it.

        An older driver may commit between our look at the log and our fence; then the fence carries offsets
        that are too low, and a second one, after which nothing can come between, carries the right ones. If it
        commits at the same instant, Delta refuses our fence, and we look again.
        """
        self._head = delta_log.head_version(self._files, self._paths.events) or 0
        last = self._last_commit(self._head)
        while True:
            self._consumed = ends_of(last)
            before = self._head
            try:
                fence = self._commit(self._empty(), BatchSummary.nothing())
            except ConcurrentTransactionException:
                last = self._last_commit(self._head)
                continue
            between = list(delta_log.commits(self._files, self._paths.events, before, fence.version - 1))
            foreign = [found for found in map(delta_log.bronze_commit, between) if found is not None]
            if not foreign:
                return self._consumed
            last = foreign[-1]

    def begin(self, start: Offsets) -> None:
        """Where the query starts to read: what bronze has consumed, and the start of partitions new to it."""
        self._consumed = start

    def write(self, records: DataFrame) -> Written | None:
        """Writes a micro-batch; None if there was nothing in it."""
        parsed = split_events.parse(records, self._known)
        summary = summarize(split_events.summary(parsed).collect())
        return self._write(parsed, summary) if summary.read else None

    def write_raw_files(self, lines: DataFrame, held: Known, expected: int) -> Written:
        """Writes the lines of whole raw files, which hold ``expected`` events."""
        parsed = split_events.parse(lines)
        summary = summarize(split_events.summary(parsed).collect())
        if not summary.quarantined and summary.rows != expected:
            raise LakehouseError(
                f"{summary.rows} events were read from raw files whose manifests say {expected}. Nothing was written; "
                "start the build again, and if it says this again, look at HDFS with `lakehouse status`."
            )
        return self._write(parsed, summary, held)

    def write_handoff(
        self,
        records: DataFrame,
        ranges: dict[tuple[str, int], PartitionRange],
        known: Known,
        older: DataFrame | None,
    ) -> Written:
        """Takes what is no batch from ``ranges`` of Kafka, in which bronze has all batches from raw files already.

        So their watermarks are true of bronze, and it may be fed from the ends of the ranges. ``older`` is quarantine
        that Kafka has no more.
        """
        parsed = split_events.parse(records, known)
        summary = replace(summarize(split_events.summary(parsed).collect()), read=ranges)
        return self._write(parsed, summary, older=older)

    def _write(
        self,
        parsed: DataFrame,
        summary: BatchSummary,
        held: Known = NOTHING,
        older: DataFrame | None = None,
    ) -> Written:
        if summary.quarantined:
            self._quarantine(split_events.quarantine_rows(parsed, self._epoch, self._batch, instants.now()))
        if older is not None:
            self._quarantine(older.withColumns({"epoch": f.lit(self._epoch), "batch": f.lit(self._batch)}))
            summary = replace(summary, quarantined=summary.quarantined + older.count())
        tasks = 1 if summary.rows <= ROWS_PER_FILE else 2
        rows = split_events.bronze_rows(parsed).coalesce(tasks) if summary.rows else self._empty()
        return self._commit(rows, summary, held)

    def _quarantine(self, rows: DataFrame) -> None:
        chosen = [f.col(name).cast(type_) for name, type_ in tables.QUARANTINE_COLUMNS.items()]
        rows.select(*chosen).coalesce(1).write.format("delta").mode("append").save(self._paths.quarantine_url)

    def _commit(self, rows: DataFrame, summary: BatchSummary, held: Known = NOTHING) -> Written:
        commit = BronzeCommit(
            generation=self._paths.generation,
            epoch=self._epoch,
            batch=self._batch,
            offsets=advance(self._consumed, summary.read),
            marks=summary.marks,
            rows=summary.rows,
            quarantined=summary.quarantined,
            segments=held.segments,
            sequences=held.sequences,
        )
        version = self._confirmed(commit, lambda: self._append(rows, commit))
        self._consumed = ends_of(commit)
        self._batch += 1
        return Written(version, commit)

    def _append(self, rows: DataFrame, commit: BronzeCommit) -> None:
        writer = rows.write.format("delta").mode("append")
        writer = writer.option("txnAppId", self._paths.application)
        writer = writer.option("txnVersion", transaction_version(commit.epoch, commit.batch))
        writer.option("userMetadata", msgspec.json.encode(commit).decode()).save(self._paths.events_url)

    def _confirmed(self, commit: BronzeCommit, append: Callable[[], Any]) -> int:
        """The version of our commit, looked up in the log whether the write came back well or not.

        An error of the write does not mean that it failed: the answer of the last rename may have been lost.
        """
        failure: Exception | None = None
        try:
            append()
        except Exception as error:
            failure = error
        wanted, newest = transaction_version(commit.epoch, commit.batch), -1
        for found in delta_log.commits_since(self._files, self._paths.events, self._head):
            self._head = found.version
            newest = max(newest, found.transactions.get(self._paths.application, -1))
            if found.transactions.get(self._paths.application) == wanted:
                if failure is not None:
                    log.warning("the write failed after its commit", extra=fields(error=str(failure)[:500]))
                return found.version
        if newest > wanted or failure is None:
            raise SupersededError(f"epoch {max(epoch_of(newest), self._epoch)} writes bronze now; not {self._epoch}")
        raise failure

    def _last_commit(self, head: int) -> BronzeCommit | None:
        """The newest commit of any bronze writer: compactions in between say nothing about offsets."""
        for version in range(head, -1, -1):
            found = delta_log.bronze_commit(delta_log.read_commit(self._files, self._paths.events, version))
            if found is not None:
                return found
        return None

    def _empty(self) -> DataFrame:
        columns = ", ".join(f"{name} {type_}" for name, type_ in tables.BRONZE_COLUMNS.items())
        return self._spark.createDataFrame([], columns)
