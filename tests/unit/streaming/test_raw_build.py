"""A generation from raw files, killed before and after each of its commits: every position once, behind a true cut.

Real files and a real Delta table in a local folder; Kafka is a table of records.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import zstandard
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.clients import delta_log
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, RawEncoding, RawManifest, Watermark, frame_of
from lakehouse.releases import generations
from lakehouse.releases.generations import Streamed
from streaming import kafka_handoff, raw_build
from streaming.bronze_tables import BronzePaths
from streaming.bronze_writer import BronzeWriter
from streaming.epochs import next_epoch
from streaming.kafka_source import Ranges, Source
from streaming.known_batches import known_of
from streaming.lease import this_process
from streaming.offsets import Bounds
from streaming.raw_build import RawFilesToBronze

LAYOUT = Layout("/lakehouse")
AT = 1_763_892_000_000_000
GENERATION = 2
RECORDS = "topic string, partition int, offset bigint, value binary"


class Killed(BaseException):
    """The process is gone."""


def line(incarnation: str, number: int, first: int) -> bytes:
    event = AcceptedEvent(id=f"{incarnation}{first}", source="s", type="page.viewed", time=AT, data="{}")
    return msgspec.json.encode(AcceptedBatch("e", f"{incarnation}-{number}", first, AT + first, "m", [event, event]))


def mark(partition: int, at: int) -> bytes:
    return msgspec.json.encode(Watermark("e", "ab", partition, at))


class World:
    """Raw files, and what Kafka has: of each partition, records from an offset on."""

    def __init__(self, spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spark = spark
        self.folder = folder
        self.files = LocalFiles(folder)
        self.paths = BronzePaths(f"file:{folder}", LAYOUT, GenerationNumber(GENERATION))
        self.kafka: dict[int, list[bytes]] = {0: [], 1: []}
        self.aged_out: dict[int, int] = {0: 0, 1: 0}
        monkeypatch.setattr(raw_build, "read_bounds", lambda *_: {"events": self.bounds()})
        monkeypatch.setattr(kafka_handoff, "records", lambda _, __, ranges: self.records(ranges))
        self._kill: tuple[int, bool] | None = None
        append = BronzeWriter._append

        def killed(writer: BronzeWriter, rows: DataFrame, commit: BronzeCommit) -> None:
            """The commit of that number is the last thing that the process does, or almost does."""
            steps, after = self._kill or (None, False)
            self._kill = None if steps is None else (steps - 1, after)
            if steps == 0 and not after:
                raise Killed
            append(writer, rows, commit)
            if steps == 0:
                raise Killed

        monkeypatch.setattr(BronzeWriter, "_append", killed)

    def ship(self, incarnation: str, number: int, firsts: Sequence[int]) -> None:
        """A raw file of batches of two events. Those of odd numbers are as an edition up to 0.1.0 has shipped them."""
        data = b"".join(line(incarnation, number, first) + b"\n" for first in firsts)
        encoding = RawEncoding.IDENTITY if number % 2 else RawEncoding.ZSTD
        data = data if number % 2 else zstandard.compress(data)
        count, digest = 2 * len(firsts), hashlib.sha256(data).hexdigest()
        segment, hours = f"{incarnation}-{number}", {"2025-11-23T10": count}
        bounds, stamps = (firsts[0], firsts[-1] + 1), (AT + firsts[0], AT + firsts[-1])
        manifest = RawManifest("e", segment, *bounds, count, len(data), digest, hours, *stamps, encoding)
        self.files.write(LAYOUT.raw_file("2025-11-23", segment, encoding), data)
        self.files.write(LAYOUT.raw_manifest("2025-11-23", segment), msgspec.json.encode(manifest))

    def bounds(self) -> dict[int, Bounds]:
        return {number: Bounds(self.aged_out[number], len(values)) for number, values in self.kafka.items()}

    def records(self, ranges: Ranges) -> DataFrame:
        rows = [
            ("events", partition, offset, bytearray(self.kafka[partition][offset]))
            for (_, partition), range_ in ranges.items()
            for offset in range(range_.start, range_.end)
        ]
        return self.spark.createDataFrame(rows, RECORDS).coalesce(1)

    def build(self, kill_at: int | None = None, after: bool = False) -> Streamed:
        self._kill = None if kill_at is None else (kill_at, after)
        source = Source("nowhere", timedelta(seconds=1), 1)
        return RawFilesToBronze(self.spark, self.files, self.paths, source, lambda _: None, events_per_commit=4).run()

    def stream_rest(self, made: Streamed) -> None:
        """As the ordinary writer does, from where bronze's own commits say."""
        epoch = next_epoch(self.files, LAYOUT, GenerationNumber(GENERATION), this_process())
        writer = BronzeWriter(self.spark, self.files, self.paths, epoch, known_of([made]))
        starts = writer.fence()["events"]
        rows = [
            ("events", partition, offset, bytearray(value))
            for partition, values in self.kafka.items()
            for offset, value in enumerate(values)
            if offset >= starts[partition]
        ]
        writer.write(self.spark.createDataFrame(rows, RECORDS).coalesce(1))

    def commits(self) -> list[BronzeCommit]:
        log = delta_log.commits_since(self.files, self.paths.events, -1)
        return [commit for commit in map(delta_log.bronze_commit, log) if commit is not None]

    def cut(self) -> dict[int, int]:
        first = next(commit for commit in self.commits() if commit.offsets)
        return {partition: range_.end for partition, range_ in first.offsets["events"].items()}

    def positions(self) -> Counter[tuple[str, int]]:
        table = DeltaTable(self.folder / self.paths.events.lstrip("/")).to_pyarrow_table(columns=["segment", "seq"])
        return Counter((row["segment"], row["seq"]) for row in table.to_pylist())


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three shipped segments of one edge, of which Kafka lacks the end; another edge died before it shipped."""
    found = World(spark, tmp_path, monkeypatch)
    for number in range(3):
        found.ship("ab", number, [4 * number, 4 * number + 2])
    found.kafka[0] = [line("ab", 0, 0), mark(0, AT), b"garbage", line("ab", 1, 4), mark(0, AT + 5)]
    found.kafka[1] = [line("ab", 0, 2), mark(1, AT), line("cd", 0, 0), line("ab", 1, 6), mark(1, AT + 5)]
    return found


EVERYTHING = {("ab-0", seq) for seq in range(4)} | {("ab-1", seq) for seq in range(4, 8)}
EVERYTHING |= {("ab-2", seq) for seq in range(8, 12)} | {("cd-0", 0), ("cd-0", 1)}


def test_the_cut_is_where_the_first_batch_begins_that_no_raw_file_has(world: World) -> None:
    made = world.build()
    assert (made.segments, made.sequences) == ({"ab": [(0, 2)]}, {"ab": [(0, 11)]})
    assert made.rows == 12
    assert world.cut() == {0: 5, 1: 2}
    (cut,) = [commit for commit in world.commits() if commit.offsets]
    assert [(m.incarnation, m.marks) for m in cut.marks] == [("ab", {0: AT + 5, 1: AT})]
    assert cut.quarantined == 1
    assert not any(commit.marks for commit in world.commits() if commit.segments)
    assert generations.active(world.files, LAYOUT) == [1, GENERATION]


@pytest.mark.parametrize(
    ("kill_at", "after"),
    [
        *((1, True), (4, False)),
        *(pytest.param(*when, marks=pytest.mark.chaos) for when in ((0, True), (2, False), (3, True), (4, True))),
    ],
)
def test_whatever_it_is_killed_at_every_position_is_there_once(world: World, kill_at: int, after: bool) -> None:
    with pytest.raises(Killed):
        world.build(kill_at, after)
    world.ship("ab", 3, [12])
    made = world.build()
    assert made == generations.streamed(world.files, LAYOUT, GenerationNumber(GENERATION))
    world.kafka[0] += [line("ab", 2, 8), line("ab", 2, 10), line("ab", 3, 12)]
    world.stream_rest(made)
    assert world.positions() == Counter(EVERYTHING | {("ab-3", 12), ("ab-3", 13)})
    commits = len(world.commits())
    assert world.build() == made
    assert len(world.commits()) == commits


def test_the_handoff_is_the_first_frame_with_a_batch_that_bronze_lacks(world: World) -> None:
    """The stream reads all of that frame, and leaves out what bronze has."""
    world.kafka[0] = [
        frame_of([line("ab", 0, 0), b"garbage", line("ab", 0, 2)]),
        mark(0, AT),
        frame_of([line("ab", 1, 4), b"\xff bad", line("cd", 0, 0), line("ab", 1, 6)]),
    ]
    world.kafka[1] = [frame_of([line("ab", 2, 8), line("ab", 2, 10)]), line("ab", 0, 0)]
    made = world.build()
    assert world.cut() == {0: 2, 1: 2}
    world.stream_rest(made)
    assert world.positions() == Counter(EVERYTHING)
    assert [commit.quarantined for commit in world.commits() if commit.offsets][:1] == [1]
    assert sum(commit.quarantined for commit in world.commits()) == 2


def test_what_an_edges_disk_has_lost_of_a_segment_comes_from_kafka(world: World) -> None:
    """Power was cut; the raw file holds the rest of the segment, and so a range of its sequences."""
    world.ship("ab", 3, [12])
    world.kafka[0] += [line("ab", 2, 8), line("ab", 3, 12)]
    world.kafka[1] += [line("ab", 2, 10), line("ab", 3, 14)]
    made = world.build()
    assert made.sequences == {"ab": [(0, 13)]}
    assert world.cut() == {0: 7, 1: 2}
    world.stream_rest(made)
    assert world.positions() == Counter(EVERYTHING | {("ab-3", seq) for seq in range(12, 16)})


def test_what_kafka_retains_no_more_is_nothing_to_look_for(world: World) -> None:
    world.aged_out = {0: 2, 1: 3}
    world.build()
    assert world.cut() == {0: 5, 1: 5}
    assert sum(range_.start for commit in world.commits() for range_ in commit.offsets.get("events", {}).values()) == 5


def test_the_condition_on_heads_sees_what_the_full_record_says(world: World) -> None:
    values = [line("ab", 1, 4), mark(0, AT), b"garbage", b"\xff", b"[]", b'{"kind":"batch"}', line("x-y", 1, 0)]
    frame = world.spark.createDataFrame([(bytearray(value),) for value in values], "value binary")
    rows = frame.select(kafka_handoff._is_batch().alias("batch"), f.coalesce(kafka_handoff._head("segment"), f.lit("")))
    assert [tuple(row) for row in rows.coalesce(1).collect()] == [
        (True, "ab-1"),
        (False, ""),
        (False, ""),
        (False, ""),
        (False, ""),
        (True, ""),
        (True, "x-y-1"),
    ]
