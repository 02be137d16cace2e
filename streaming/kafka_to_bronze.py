"""The streaming query: takes generations over, finds where each stopped, and feeds them the same micro-batches.

In: a session, the topics, and the generations to feed. Out: commits of their bronze tables, until it is told to stop,
fails or is superseded. Each start is a new epoch with a new checkpoint folder: the checkpoint never says where to read
from, bronze's own commits do. Whatever fails ends the process with a reason; the supervisor starts it
again, and nothing is skipped.

One query feeds all of them, so that they commit at the same offsets: what two gold versions say can be compared only
where both have consumed the same, and under steady traffic two queries would never meet.
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

from lakehouse.errors import NotReadyError
from lakehouse.http.health import Health
from lakehouse.json_logs import fields
from streaming import measures
from streaming.generation_feed import GenerationFeed
from streaming.kafka_bounds import read_bounds
from streaming.kafka_source import Source
from streaming.lease import Holder
from streaming.offsets import Bounds, Offsets, earliest, start_offsets

log = logging.getLogger(__name__)

STOP_PATIENCE = 15.0
"""Seconds that a running micro-batch gets to finish when the job is told to stop."""


class KafkaToBronze:
    """One driver of some generations, from takeover to its end."""

    def __init__(self, spark: SparkSession, source: Source, feeds: Sequence[GenerationFeed]) -> None:
        self._spark = spark
        self._source = source
        # The newest first: where a former generation has a commit, the one made to follow it has that, too.
        self._feeds = sorted(feeds, key=lambda feed: -feed.generation)
        self._writing = threading.Lock()
        self._failure: Exception | None = None

    def run(self, stop: threading.Event, level: threading.Event, checkpoints: Path) -> None:
        """Returns when ``stop`` is set; raises what ended the query otherwise. Sets ``level`` once it has read what
        Kafka has but for a micro-batch."""
        for feed in self._feeds:
            feed.stand_by(lambda holder: self._stand_by(holder, stop))
        if stop.is_set():
            return
        consumed = {feed.generation: feed.take_over() for feed in self._feeds}
        bounds = self._bounds()
        starts = {generation: start_offsets(offsets, bounds) for generation, offsets in consumed.items()}
        read_from = earliest(starts.values())
        for feed in self._feeds:
            feed.begin(starts[feed.generation], read_from)
        self._watch(self._start(read_from, _fresh_checkpoint(checkpoints, self._feeds)), stop, level)
        for feed in self._feeds:
            feed.release()

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
        """One micro-batch. The reason of a failure is kept: Spark hands on no more than its text."""
        with self._writing:
            for feed in self._feeds:
                try:
                    feed.write(batch)
                except Exception as error:
                    log.warning("a micro-batch was not written", extra=fields(generation=feed.generation))
                    self._failure = error
                    raise

    def _watch(self, query: Any, stop: threading.Event, level: threading.Event) -> None:
        while not stop.is_set():
            try:
                if query.awaitTermination(1):
                    return
            except StreamingQueryException as error:
                raise (self._failure or error) from error
            if not query.status["isTriggerActive"]:
                self._beat("waiting for records")
            behind = measures.lag(query)
            if query.lastProgress and behind < self._source.max_records:
                level.set()
            for feed in self._feeds:
                feed.keep(behind)
        if self._writing.acquire(timeout=STOP_PATIENCE):
            query.stop()
        log.info("stopped on request", extra=fields(generations=[feed.generation for feed in self._feeds]))

    def _beat(self, state: str, *, ready: bool = True) -> None:
        for feed in self._feeds:
            feed.health.beat(state, ready=ready)


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


def _fresh_checkpoint(folder: Path, feeds: Sequence[GenerationFeed]) -> Path:
    """An empty folder. Older ones say nothing that anybody reads."""
    shutil.rmtree(folder, ignore_errors=True)
    fresh = folder / f"epoch-{feeds[0].epoch}"
    fresh.mkdir(parents=True)
    return fresh
