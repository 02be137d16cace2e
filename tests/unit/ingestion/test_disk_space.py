"""A full disk while HDFS is away: whatever happens when, a position is in a raw file, here, or a named gap.

Runs begin, are killed between any two steps and go on; Kafka takes more and more of them, HDFS comes and goes.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import atomic_file, incarnation
from ingestion.clock import Clock
from ingestion.disk_space import DiskSpace
from ingestion.incarnation import Incarnation, begin
from ingestion.segment_log import SegmentLog
from ingestion.shipper import Shipper
from ingestion.tail_cache import Cursor
from lakehouse import instants
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, Booked, RawManifest
from lakehouse.errors import NotReadyError
from lakehouse.ledger.raw_gaps import unfilled
from lakehouse.ledger.read_edges import raw_runs, read_ledgers, read_manifests
from lakehouse.settings import EdgeSettings

EDGE, LAYOUT = EdgeSettings(), Layout("/w")
BEGAN = instants.parse_hour("2026-11-29T10")


class KilledError(Exception):
    """The process has ended here."""


class Hdfs(LocalFiles):
    """A folder that may be away, or whose client may be killed."""

    def __init__(self, folder: Path, world: "World") -> None:
        super().__init__(folder)
        self._world = world
        self.away = False

    def write(self, path: str, data: bytes) -> None:
        self._world.burn()
        if self.away:
            raise NotReadyError("away")
        super().write(path, data)

    def rename(self, source: str, target: str) -> None:
        self._world.burn()
        super().rename(source, target)

    def replace(self, source: str, target: str) -> None:
        self._world.burn()
        super().replace(source, target)


class Full(DiskSpace):
    """On a disk that is low for so many looks."""

    low = 0

    def _is_low(self) -> bool:
        self.low -= 1
        return self.low >= 0


class World:
    """An edge's disk, HDFS, and how much of each run Kafka has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "edge"
        self.folder.mkdir()
        self.now = BEGAN
        self.clock = Clock(folder / "clock.json", lambda: self.now)
        self.files = Hdfs(folder / "hdfs", self)
        self.accepted: Counter[str] = Counter()
        self.on_kafka: Counter[str] = Counter()
        self.ends: dict[str, list[tuple[int, Cursor]]] = {}
        self.fuse = -1
        self.runs: list[Incarnation] = []
        self.begin()

    def burn(self) -> None:
        self.fuse -= 1
        if self.fuse == 0:
            raise KilledError

    def begin(self) -> None:
        self.runs.insert(0, begin(self.folder, self.clock, EDGE))
        self.start()

    def start(self) -> None:
        self.shipper = Shipper(EDGE, self.files, LAYOUT, self.clock)
        self.shipper._incarnations = self.runs
        self.space = Full(EDGE, self.folder, lambda: self.files.away)
        self.space._incarnations = self.runs

    def accept(self, count: int) -> None:
        run = self.runs[0]
        self.now += count * 400_000_000
        run.log.append("m", [AcceptedEvent(f"e{n}", "s", "page.viewed", 1, "{}") for n in range(count)])
        self.accepted[run.id] += count
        self.ends.setdefault(run.id, []).append((self.accepted[run.id], run.log.lines.end))

    def deliver(self, lines: int) -> None:
        """Kafka takes so many more lines of each run."""
        for run in self.runs:
            waiting = [one for one in self.ends.get(run.id, []) if one[0] > self.on_kafka[run.id]][:lines]
            if waiting:
                self.on_kafka[run.id] = waiting[-1][0]
            ends = [end for last, end in self.ends.get(run.id, []) if last <= self.on_kafka[run.id]]
            if ends:
                outbox = run.accepted_outbox
                outbox.delivered = max(outbox.delivered, ends[-1])

    def settle(self, count: int) -> None:
        """A segment that Kafka has, unless others wait before it."""
        self.accept(count)
        self.runs[0].log.seal()
        self.deliver(1)

    def round(self, away: bool) -> None:
        self.files.away = away
        self.shipper._published_at = 0.0
        try:
            self.shipper.round()
        except NotReadyError:
            assert away

    def fill(self, looks: int) -> None:
        self.files.away = True
        self.space.low = looks
        self.space.make_room()

    def restart(self) -> None:
        """What is on the disk becomes runs that have ended."""
        self.runs = [
            Incarnation(path, self.clock, EDGE, ended=True)
            for path in self.folder.iterdir()
            if ".done" not in path.name
        ]
        self.begin()

    def kill_in(self, steps: int, away: bool) -> None:
        """In the middle of a round or of making room."""
        self.fuse = steps
        with suppress(KilledError):
            self.fill(1 + steps) if away else self.round(away)
        self.fuse = -1
        self.restart()

    def here(self) -> set[tuple[str, int]]:
        lines = [line for path in self.folder.glob("*/accepted/*.ndjson") for line in path.read_bytes().splitlines()]
        return {place for line in lines for place in places(line)}

    def raw(self) -> set[tuple[str, int]]:
        """By the files' own lines, which their manifests must agree with."""
        paths = (self.files._folder / "w/raw").glob("*/*.zst")
        texts = [zstandard.ZstdDecompressor().decompress(path.read_bytes()) for path in paths]
        found = {place for text in texts for line in text.splitlines() for place in places(line)}
        named = raw_runs(read_manifests(self.files, LAYOUT))
        return found & {(run.stream.incarnation, seq) for run in named for seq in range(*run.span)}

    def noted_gaps(self) -> set[tuple[str, int]]:
        return {(run.id, seq) for run in self.runs for seq in sequences(run.raw_gaps.gaps)} | self.named_gaps()

    def named_gaps(self) -> set[tuple[str, int]]:
        return {(s.incarnation, seq) for s, booked in unfilled(self.files, LAYOUT).items() for seq in sequences(booked)}

    def check(self) -> None:
        everything = {(run, seq) for run, count in self.accepted.items() for seq in range(count)}
        kafka = {(run, seq) for run, count in self.on_kafka.items() for seq in range(count)}
        assert everything == self.here() | self.raw() | self.noted_gaps()
        assert everything - self.here() <= kafka, "what Kafka lacks has gone"
        assert self.noted_gaps() <= kafka
        for ledger in read_ledgers(self.files, LAYOUT):
            known = self.raw() | self.named_gaps()
            assert {(ledger.incarnation, seq) for seq in range(ledger.shipped)} <= known, ledger


def places(line: bytes) -> Iterator[tuple[str, int]]:
    batch = msgspec.json.decode(line, type=AcceptedBatch)
    return ((batch.segment.partition("-")[0], batch.first + n) for n in range(len(batch.events)))


def sequences(booked: list[Booked]) -> Iterator[int]:
    return (seq for one in booked for seq in range(one.first, one.last + 1))


STEPS = st.one_of(
    st.tuples(st.just("accept"), st.integers(1, 4)),
    st.tuples(st.just("settle"), st.integers(1, 4)),
    st.tuples(st.just("settle"), st.integers(1, 4)),
    st.tuples(st.just("deliver"), st.integers(1, 3)),
    st.tuples(st.just("round"), st.booleans()),
    st.tuples(st.just("fill"), st.integers(1, 4)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("kill_in"), st.integers(1, 6), st.booleans()),
)


@contextmanager
def world_of(folder: str) -> Iterator[World]:
    """Writing progress and deleting a segment are steps between which it may be killed."""
    world = World(Path(folder))
    write, delete = atomic_file.write_json, SegmentLog.delete

    def written(*arguments: object) -> None:
        world.burn()
        write(*arguments)  # type: ignore[arg-type]

    def deleted(*arguments: object) -> None:
        world.burn()
        delete(*arguments)  # type: ignore[arg-type]

    with mock.patch.object(incarnation, "write_json", written), mock.patch.object(SegmentLog, "delete", deleted):
        yield world


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_whatever_happens_a_position_is_in_a_raw_file_or_here_or_a_named_gap(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, world_of(folder) as world:
        for name, *arguments in steps:
            getattr(world, str(name))(*arguments)
            world.check()
        world.restart()
        world.deliver(len(steps))
        for _ in range(3):
            world.round(away=False)
        world.check()
        assert not world.here(), "all is on Kafka, in raw files or named: nothing holds a run back"
        for ledger in read_ledgers(world.files, LAYOUT):
            assert ledger.next == world.accepted[ledger.incarnation]
            assert ledger.closed or ledger.incarnation == world.runs[0].id
            assert ledger.shipped == ledger.next


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(str(tmp_path)) as made:
        yield made


def test_gaps_are_counted_by_the_hour_in_which_their_events_were_accepted(world: World) -> None:
    for count in (4, 3, 2, 4):
        world.accept(count)
    world.runs[0].log.seal()
    world.accept(1)
    world.deliver(5)
    world.fill(1)
    world.round(away=False)
    [gaps] = unfilled(world.files, LAYOUT).values()
    first = BEGAN // instants.HOUR_MICROS
    assert gaps == [Booked(first, 0, 6), Booked(first + 1, 7, 12)]
    [ledger] = read_ledgers(world.files, LAYOUT)
    assert ledger.hours == {"2026-11-29T10": 7, "2026-11-29T11": 7}


def test_what_is_being_written_goes_too_once_nothing_else_is_left(world: World) -> None:
    world.accept(3)
    world.deliver(1)
    world.fill(1)
    assert world.here()
    world.fill(1)
    assert not world.here()
    world.accept(2)
    world.fill(2)
    assert len(world.here()) == 2, "Kafka does not have it"
    assert world.runs[0].log.sealed() == []


def test_nothing_goes_while_hdfs_takes_segments_or_the_disk_has_room(world: World) -> None:
    world.accept(3)
    world.runs[0].log.seal()
    world.deliver(1)
    world.space.make_room()
    world.files.away = False
    world.space.low = 5
    world.space.make_room()
    assert len(world.here()) == 3
    assert world.space.low == 4, "it has looked, and found it low"


def test_hdfs_is_away_when_it_says_so_or_has_been_silent_and_not_when_a_raw_file_is_wrong(world: World) -> None:
    shipper = world.shipper
    assert not shipper.is_hdfs_away
    shipper._answered_at -= 31
    assert shipper.is_hdfs_away
    shipper._try_round()
    assert not shipper.is_hdfs_away
    world.accept(1)
    world.runs[0].log.seal()
    world.files.away = True
    shipper._try_round()
    assert shipper.is_hdfs_away
    world.files.away = False
    date = instants.from_micros(world.now).date().isoformat()
    manifest = LAYOUT.raw_manifest(date, f"{world.runs[0].id}-0")
    world.files.write(manifest, msgspec.json.encode(RawManifest("e", "s", 7, 7, 1, 0, "", {}, 0, 0)))
    shipper._try_round()
    assert "another than the segment" in str(shipper.failure)
    assert not shipper.is_hdfs_away
