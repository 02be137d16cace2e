"""Makes a new generation of bronze from the raw files.

In: committed raw files on HDFS, then one scan of Kafka. Out: bronze ``G``, complete, and
``streamed.json``: from then on the streaming service feeds it. Killed anywhere, a new start continues.

**Nothing is doubled.** A commit names the raw files that it holds, all of each, in the same atomic step as their rows.
A new start takes only files that no commit names, and fences its predecessor out first, like every writer of bronze.

**Nothing is lost**, though live traffic goes on meanwhile. Once few raw files are left, they are written too, and the
set of positions that bronze has, P, is final: ranges of sequences, because a segment's name does not say what of it the
edge's disk has kept. Then Kafka is read through once for the *handoff*: of each partition, the offset of the first
batch that is not in P.

- A batch before the handoff is in P: bronze has it from the raw file.
- A batch behind the handoff is read by the stream, which begins there and leaves out what is in P.
- A batch that has not reached Kafka yet will be behind the handoff.
- A batch that Kafka retains no more is in its raw file, which its edge shipped long before. (If not, it is missing here
  as well as at the stage ``raw``, and ``lakehouse reconcile`` names it.)

This needs no clock and no statement of an edge: an edge that has died with segments on its disk only moves the handoff
back.

The last commit holds the handoff as its offsets, where the ordinary writer finds them, and what else lies before it:
rejects, garbage and watermarks. Those watermarks are true of this bronze, because each covers batches before it on its
own partition, all of which bronze has. No other commit of the build states one, so that ``complete_through`` of a
partial build is unknown, never too high.
"""

import time
from collections.abc import Callable

import msgspec
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import instants
from lakehouse.clients import delta_log
from lakehouse.clients.files import Files, publish
from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.contracts.topics import EVENTS
from lakehouse.errors import AlreadyExistsError, SupersededError
from lakehouse.releases import generations
from lakehouse.releases.generations import Streamed
from lakehouse.releases.model import new_nonce
from streaming import kafka_handoff, raw_files
from streaming.bronze_tables import BronzePaths, create_tables
from streaming.bronze_writer import BronzeWriter
from streaming.build_progress import BuildProgress
from streaming.carried_quarantine import carried_quarantine
from streaming.epochs import next_epoch
from streaming.kafka_bounds import read_bounds
from streaming.kafka_source import Ranges, Source
from streaming.known_batches import Known, held_by, known_of
from streaming.lease import Holder, Lease, this_process
from streaming.raw_files import RawFile

EVENTS_PER_COMMIT = 1_000_000
"""What a kill costs at most, and what one Spark job writes."""

Say = Callable[[str], None]


class RawFilesToBronze:
    """One build of one generation, from takeover to ``streamed.json``."""

    def __init__(
        self,
        spark: SparkSession,
        files: Files,
        paths: BronzePaths,
        source: Source,
        say: Say,
        events_per_commit: int = EVENTS_PER_COMMIT,
    ) -> None:
        self._spark = spark
        self._files = files
        self._paths = paths
        self._source = source
        self._say = say
        self._events_per_commit = events_per_commit
        self._lease = Lease(files, paths.layout, paths.generation)
        self._awaited: int | None = None

    def run(self) -> Streamed:
        """Builds what is missing. A generation that is complete is left as it is."""
        if not self._is_complete():
            self._lease.stand_by(self._wait)
        done = generations.streamed(self._files, self._paths.layout, self._paths.generation)
        return done if done is not None else self._build()

    def _is_complete(self) -> bool:
        return generations.is_complete(self._files, self._paths.layout, self._paths.generation)

    def _wait(self, holder: Holder) -> bool:
        if holder.pid != self._awaited:
            self._say(f"waiting for process {holder.pid} on {holder.host}, which is building")
            self._awaited = holder.pid
        time.sleep(1)
        return not self._is_complete()

    def _build(self) -> Streamed:
        create_tables(self._spark, self._paths)
        epoch = next_epoch(self._files, self._paths.layout, self._paths.generation, this_process())
        self._lease.take(epoch)
        writer = BronzeWriter(self._spark, self._files, self._paths, epoch)
        consumed = writer.fence()
        known = known_of(commit for _, commit in self._commits())
        if not consumed:
            known = self._write_raw_files(writer, known)
            self._write_handoff(writer, known)
        published = self._publish()
        self._lease.release()
        return published

    def _write_raw_files(self, writer: BronzeWriter, known: Known) -> Known:
        """Until what has come in meanwhile fits into one commit."""
        while True:
            waiting = raw_files.missing(self._files, self._paths.layout, known)
            progress = BuildProgress(len(waiting), sum(each.manifest.count for each in waiting))
            self._say(f"{len(waiting):,} raw files are not in generation {self._paths.generation} yet")
            for group in raw_files.groups(waiting, self._events_per_commit):
                known |= self._write_group(writer, group)
                self._say(progress.line(len(group), sum(each.manifest.count for each in group)))
                self._lease.renew()
            if progress.events <= self._events_per_commit:
                return known

    def _write_group(self, writer: BronzeWriter, group: list[RawFile]) -> Known:
        raw_files.check(self._files, group)
        held = held_by(each.manifest for each in group)
        writer.write_raw_files(self._lines(group), held, sum(each.manifest.count for each in group))
        return held

    def _lines(self, group: list[RawFile]) -> DataFrame:
        """Lines as if they were records: the same bytes, without partition and offset."""
        urls = [f"{self._paths.root_url}{each.path}" for each in group]
        lines = self._spark.read.option("lineSep", "\n").text(urls)
        return lines.select(
            f.lit(EVENTS.name).alias("topic"),
            f.lit(None).cast("int").alias("partition"),
            f.lit(None).cast("bigint").alias("offset"),
            f.col("value").cast("binary").alias("value"),
        )

    def _write_handoff(self, writer: BronzeWriter, known: Known) -> None:
        """The last commit of the build: one, so that a kill leaves all of it or nothing."""
        self._say("looking for where to go on in Kafka")
        found = read_bounds(self._spark, self._source.bootstrap, self._source.topics)
        bounds = {topic.removeprefix(self._source.topic_prefix): by for topic, by in found.items()}
        ranges = kafka_handoff.find_handoff(self._spark, self._source, bounds, known)
        records = kafka_handoff.without_batches(self._spark, self._source, ranges)
        self._lease.renew()
        writer.write_handoff(records, ranges, known, self._carried_quarantine(ranges))

    def _carried_quarantine(self, ranges: Ranges) -> DataFrame | None:
        """What is older than Kafka's records, from the generation before."""
        complete = generations.complete(self._files, self._paths.layout)
        source = max(number for number in complete if number < self._paths.generation)
        url = BronzePaths(self._paths.root_url, self._paths.layout, source).quarantine_url
        try:
            return carried_quarantine(self._spark, url, ranges)
        except AnalysisException as error:
            self._say(f"quarantine older than Kafka's records is left out, because it cannot be read: {error}")
            return None

    def _publish(self) -> Streamed:
        """Publishes that the generation is complete: up to the commit that holds the handoff."""
        commits = list(self._commits())
        version = next(version for version, commit in commits if commit.offsets)
        known = known_of(commit for _, commit in commits)
        document = Streamed(
            generation=self._paths.generation,
            delta_version=version,
            rows=sum(commit.rows for _, commit in commits),
            segments=known.segments,
            at=instants.now_micros(),
            nonce=new_nonce(),
            sequences=known.sequences,
        )
        layout = self._paths.layout
        try:
            path = layout.bronze_streamed(self._paths.generation)
            publish(self._files, layout.staging, path, msgspec.json.encode(document))
        except AlreadyExistsError:
            raise SupersededError("another process has completed the generation") from None
        return document

    def _commits(self) -> list[tuple[int, BronzeCommit]]:
        log = delta_log.commits_since(self._files, self._paths.events, -1)
        found = [(commit.version, delta_log.bronze_commit(commit)) for commit in log]
        return [(version, commit) for version, commit in found if commit is not None]
