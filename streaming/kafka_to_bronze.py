"""The streaming query of one generation: takes over, finds where bronze stopped, and feeds micro-batches to the writer.

In: a session, and the topics. Out: commits of the bronze table, until it is told to stop, fails or is
superseded. Each start is a new epoch with a new checkpoint folder: the checkpoint never says where to read
from, bronze's own commits do. Whatever fails ends the process with a reason; the supervisor starts it
again, and nothing is skipped.
"""

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession

from lakehouse.clients.files import Files
from lakehouse.contracts.commit_info import SegmentRanges
from lakehouse.errors import NotReadyError
from lakehouse.service import Health, fields
from streaming import measures
from streaming.bronze_tables import BronzePaths, create_tables
from streaming.bronze_writer import BronzeWriter
from streaming.kafka_bounds import read_bounds
from streaming.kafka_source import Source
from streaming.lease import Lease, this_process
from streaming.offsets import Bounds, Offsets, start_offsets
from streaming.takeover import next_epoch

log = logging.getLogger(__name__)

STOP_PATIENCE = 15.0
"""Seconds that a running micro-batch gets to finish when the job is told to stop."""


class KafkaToBronze:
    """One driver of one generation, from takeover to its end.

    ``known`` are the segments that the generation was made from: Kafka may bring them again, and they are left out.
    """

    def __init__(
        self,
        spark: SparkSession,
        files: Files,
        paths: BronzePaths,
        source: Source,
        health: Health,
        known: SegmentRanges | None = None,
    ) -> None:
        self._spark = spark
        self._files = files
        self._paths = paths
        self._source = source
        self._health = health
        self._known = known
        self._generation = str(paths.generation)
        self._lease = Lease(files, paths.layout, paths.generation)
        self._writing = threading.Lock()
        self._failure: Exception | None = None

    def run(self, stop: threading.Event, checkpoints: Path) -> None:
        """Returns when ``stop`` is set; raises what ended the query otherwise."""
        self._lease.stand_by(lambda holder: self._stand_by(holder.epoch, stop))
        if stop.is_set():
            return
        create_tables(self._spark, self._paths)
        epoch = next_epoch(self._files, self._paths.layout, self._paths.generation, this_process())
        self._lease.take(epoch)
        measures.EPOCH.labels(self._generation).set(epoch)
        writer = BronzeWriter(self._spark, self._files, self._paths, epoch, self._known)
        consumed = writer.fence()
        start = start_offsets(consumed, self._bounds())
        writer.begin(start)
        log.info("bronze taken over", extra=fields(generation=self._paths.generation, epoch=epoch, start=start))
        query = self._start(writer, start, _fresh_checkpoint(checkpoints, epoch))
        self._watch(query, stop)
        self._lease.release()

    def _bounds(self) -> dict[str, dict[int, Bounds]]:
        found = read_bounds(self._spark, self._source.bootstrap, self._source.topics)
        return {topic.removeprefix(self._source.topic_prefix): bounds for topic, bounds in found.items()}

    def _stand_by(self, epoch: int, stop: threading.Event) -> bool:
        self._health.beat(f"standing by: the driver of epoch {epoch} writes bronze", ready=False)
        return not stop.wait(1.0)

    def _start(self, writer: BronzeWriter, start: Offsets, checkpoint: Path) -> Any:
        prefix = self._source.topic_prefix
        records = (
            self._spark.readStream.format("kafka")
            .options(**self._source.options)
            .option("startingOffsets", json.dumps({prefix + topic: offsets for topic, offsets in start.items()}))
            .option("failOnDataLoss", "true")
            .option("maxOffsetsPerTrigger", self._source.max_records)
            .load()
        )
        return (
            self._source.select(records)
            .writeStream.foreachBatch(lambda batch, number: self._write(writer, batch))
            .option("checkpointLocation", checkpoint.as_uri())
            .trigger(processingTime=f"{self._source.trigger // timedelta(milliseconds=1)} milliseconds")
            .start()
        )

    def _write(self, writer: BronzeWriter, batch: DataFrame) -> None:
        """One micro-batch. The reason of a failure is kept: Spark hands on no more than its text."""
        with self._writing:
            began = time.monotonic()
            try:
                written = writer.write(batch)
            except Exception as error:
                self._failure = error
                raise
            self._health.beat("reading Kafka")
            if written is not None:
                measures.report(written, time.monotonic() - began)

    def _watch(self, query: Any, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                if query.awaitTermination(1):
                    return
            except StreamingQueryException as error:
                raise (self._failure or error) from error
            if not query.status["isTriggerActive"]:
                self._health.beat("waiting for records")
            measures.LAG.labels(self._generation).set(measures.lag(query))
            self._renew_lease()
        if self._writing.acquire(timeout=STOP_PATIENCE):
            query.stop()
        log.info("stopped on request", extra=fields(generation=self._paths.generation))

    def _renew_lease(self) -> None:
        try:
            self._lease.renew()
        except NotReadyError as error:
            log.warning("the lease could not be renewed", extra=fields(generation=self._generation, error=str(error)))


def retry_until_ready(attempt: Callable[[], object], health: Health, stop: threading.Event, pause: float = 2.0) -> None:
    """Repeats ``attempt`` while a part of the stack does not answer. Each new reason is logged once."""
    reason = ""
    while not stop.is_set():
        try:
            attempt()
            return
        except NotReadyError as error:
            health.fail(str(error))
            if str(error) != reason:
                reason = str(error)
                log.warning("waiting", extra=fields(reason=reason))
            stop.wait(pause)


def _fresh_checkpoint(folder: Path, epoch: int) -> Path:
    """An empty folder. Older ones say nothing that anybody reads."""
    shutil.rmtree(folder, ignore_errors=True)
    fresh = folder / f"epoch-{epoch}"
    fresh.mkdir(parents=True)
    return fresh
