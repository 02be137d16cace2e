"""The streaming query: takes generations over, finds where each stopped, and gives them the same micro-batches.

In: a session, the topics, and the generations to feed. Out: commits of their bronze tables, until it is stopped, fails
or is superseded. Each start is a new epoch with a new checkpoint folder: the checkpoint never says where to read from,
bronze's own commits do. Any failure ends the process with a reason; the supervisor starts it again, and nothing is
skipped. Only where Kafka lacks what a generation needs next the process stays, for the others (``query_supervisor``).

One query feeds all of them, so that they commit at the same offsets: two gold versions can be compared only where both
have consumed the same, and under steady traffic two queries would never meet.
"""

import json
import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession

from lakehouse.contracts.ids import GenerationNumber
from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.http.health import Health
from lakehouse.json_logs import fields
from streaming import telemetry
from streaming.batch_parts import parts
from streaming.generation_sink import GenerationSink
from streaming.kafka_bounds import read_bounds
from streaming.kafka_source import Ranges, Source
from streaming.lease import Holder
from streaming.offsets import Bounds, Offsets, StrandedError, earliest, starts_of

log = logging.getLogger(__name__)

STOP_TIMEOUT = 15.0
"""Seconds that a running micro-batch gets to finish when the job is stopped."""


class StoppedError(LakehouseError):
    """The rest of a micro-batch is left to the next start."""


class KafkaToBronze:
    """One driver of some generations, from takeover to its end."""

    def __init__(self, spark: SparkSession, source: Source, sinks: Sequence[GenerationSink]) -> None:
        self._spark = spark
        self._source = source
        # The newest first: then no older generation has a commit that a newer one lacks.
        self._sinks = sorted(sinks, key=lambda sink: -sink.generation)
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._failure: Exception | None = None

    def run(self, stop: threading.Event, caught_up: threading.Event, checkpoints: Path) -> None:
        """Returns when ``stop`` is set; raises what ended the query otherwise. Sets ``caught_up`` once it has read all
        that Kafka has but the last micro-batch. After StrandedError, another query may feed the other generations."""
        for sink in self._sinks:
            sink.stand_by(lambda holder: self._stand_by(holder, stop))
        if stop.is_set():
            return
        starts = self._take_over()
        read_from = earliest(starts.values())
        for sink in self._sinks:
            sink.begin(starts[sink.generation], read_from)
        self._watch(self._start(read_from, _fresh_checkpoint(checkpoints, self._sinks)), stop, caught_up)
        for sink in self._sinks:
            sink.release()

    def _take_over(self) -> dict[GenerationNumber, Offsets]:
        try:
            return starts_of({sink.generation: sink.take_over() for sink in self._sinks}, self._bounds())
        except StrandedError:
            for sink in self._sinks:
                sink.release()
            raise

    def _bounds(self) -> dict[str, dict[int, Bounds]]:
        found = read_bounds(self._spark, self._source.bootstrap, self._source.topics)
        return {topic.removeprefix(self._source.topic_prefix): bounds for topic, bounds in found.items()}

    def _stand_by(self, holder: Holder, stop: threading.Event) -> bool:
        self._beat(f"standing by: the driver of epoch {holder.epoch} writes bronze", ready=False)
        return not stop.wait(1.0)

    def _start(self, read_from: Offsets, checkpoint: Path) -> Any:
        prefix = self._source.topic_prefix
        records = (
            self._spark.readStream.format("kafka")
            .options(**self._source.options)
            .option("startingOffsets", json.dumps({prefix + topic: offsets for topic, offsets in read_from.items()}))
            .option("failOnDataLoss", "true")
            .option("maxOffsetsPerTrigger", self._source.max_records)
            .load()
        )
        return (
            self._source.select(records)
            .writeStream.foreachBatch(lambda batch, number: self._write(batch))
            .option("checkpointLocation", checkpoint.as_uri())
            .trigger(processingTime=f"{self._source.trigger // timedelta(milliseconds=1)} milliseconds")
            .start()
        )

    def _write(self, batch: DataFrame) -> None:
        """One micro-batch. The reason of a failure is kept: Spark passes on only its text.

        It fails when it is stopped between two parts, because nothing may be written behind a part that is missing.
        """
        with self._writing:
            for part in parts(batch, self._read):
                if self._stopping.is_set():
                    raise StoppedError("stopped between two parts of a micro-batch")
                for sink in self._sinks:
                    try:
                        sink.write(part)
                    except Exception as error:
                        log.warning("a micro-batch was not written", extra=fields(generation=sink.generation))
                        self._failure = error
                        raise

    def _read(self, ranges: Ranges) -> DataFrame:
        return self._source.read(self._spark, ranges, fail_on_data_loss=True)

    def _watch(self, query: Any, stop: threading.Event, caught_up: threading.Event) -> None:
        while not stop.is_set():
            try:
                if query.awaitTermination(1):
                    return
            except StreamingQueryException as error:
                raise (self._failure or error) from error
            if not query.status["isTriggerActive"]:
                self._beat("waiting for records")
            behind = telemetry.lag(query)
            if query.lastProgress and behind < self._source.max_records:
                caught_up.set()
            for sink in self._sinks:
                sink.keep(behind)
        self._stopping.set()
        # Never released: no micro-batch is to be written after this one.
        if self._writing.acquire(timeout=STOP_TIMEOUT):
            query.stop()
        log.info("stopped on request", extra=fields(generations=[sink.generation for sink in self._sinks]))

    def _beat(self, state: str, *, ready: bool = True) -> None:
        for sink in self._sinks:
            sink.health.beat(state, ready=ready)


def retry_until_ready(attempt: Callable[[], object], health: Health, stop: threading.Event, pause: float = 2.0) -> None:
    """Repeats ``attempt`` while a server is unavailable. Each new reason is logged once."""
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


def _fresh_checkpoint(folder: Path, sinks: Sequence[GenerationSink]) -> Path:
    """An empty folder. Older ones say nothing that anybody reads."""
    shutil.rmtree(folder, ignore_errors=True)
    fresh = folder / f"epoch-{sinks[0].epoch}"
    fresh.mkdir(parents=True)
    return fresh
