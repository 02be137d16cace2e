"""Writes the streaming query's micro-batches to one generation, without what that generation has consumed already.

In: an active generation, and the micro-batches of a query that may begin before the generation's own start, because it
feeds other generations, too. Out: commits of its bronze table. Promise: a record that the generation has is left out,
and no record that it lacks is.
"""

import logging
import time
from collections.abc import Callable

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.clients.files import Files
from lakehouse.errors import NotReadyError
from lakehouse.http.health import Health
from lakehouse.json_logs import fields
from streaming import telemetry
from streaming.bronze_tables import BronzePaths, create_tables
from streaming.bronze_writer import BronzeWriter
from streaming.epochs import next_epoch
from streaming.known_batches import NOTHING, Known
from streaming.lease import Holder, Lease, this_process
from streaming.offsets import Offsets

log = logging.getLogger(__name__)


class GenerationSink:
    """One driver's hold of one generation, from takeover to release.

    ``known`` are the batches that the generation was made from: Kafka may bring them again, and they are left out.
    """

    def __init__(
        self,
        spark: SparkSession,
        files: Files,
        paths: BronzePaths,
        health: Health,
        known: Known = NOTHING,
    ) -> None:
        self._spark = spark
        self._files = files
        self._paths = paths
        self._known = known
        self._lease = Lease(files, paths.layout, paths.generation)
        self._label = str(paths.generation)
        self._writer: BronzeWriter | None = None
        self._ahead: Column | None = None
        self.generation = paths.generation
        self.health = health
        self.epoch = 0

    def stand_by(self, wait: Callable[[Holder], bool]) -> None:
        """Returns once no other process holds the generation."""
        self._lease.stand_by(wait)

    def take_over(self) -> Offsets:
        """Shuts out older drivers. Returns what bronze has consumed."""
        create_tables(self._spark, self._paths)
        self.epoch = next_epoch(self._files, self._paths.layout, self.generation, this_process())
        self._lease.take(self.epoch)
        telemetry.EPOCH.labels(self._label).set(self.epoch)
        self._writer = BronzeWriter(self._spark, self._files, self._paths, self.epoch, self._known)
        return self._writer.fence()

    def begin(self, start: Offsets, read_from: Offsets) -> None:
        """``start`` is where this generation goes on, ``read_from`` where the query does: there or before."""
        assert self._writer is not None, "a generation is taken over first"
        self._writer.begin(start)
        self._ahead = not_before(start, read_from)
        taken = fields(generation=self.generation, epoch=self.epoch, start=start)
        log.info("bronze taken over", extra=taken)

    def write(self, batch: DataFrame) -> None:
        """One micro-batch, without what the generation has already."""
        assert self._writer is not None, "a generation is taken over first"
        began = time.monotonic()
        written = self._writer.write(batch if self._ahead is None else batch.where(self._ahead))
        self.health.beat("reading Kafka")
        if written is not None:
            telemetry.report(written, time.monotonic() - began)

    def keep(self, lag: int) -> None:
        """To be called often: keeps the lease, and reports how many records Kafka has that were not read."""
        telemetry.LAG.labels(self._label).set(lag)
        try:
            self._lease.renew()
        except NotReadyError as error:
            reason = fields(generation=self._label, error=str(error))
            log.warning("the lease could not be renewed", extra=reason)

    def release(self) -> None:
        """Lets a successor start at once."""
        self._lease.release()


def not_before(start: Offsets, read_from: Offsets) -> Column | None:
    """Whether a record lies at ``start`` or behind it; None if all do that are read from ``read_from``."""
    condition: Column | None = None
    for topic, partitions in start.items():
        for partition, offset in partitions.items():
            if offset > read_from[topic][partition]:
                here = (f.col("topic") == topic) & (f.col("partition") == partition)
                behind = ~here | (f.col("offset") >= offset)
                condition = behind if condition is None else condition & behind
    return condition
