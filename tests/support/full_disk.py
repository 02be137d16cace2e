"""An edge on a full disk, its HDFS and Kafka: runs begin, are killed between any two steps and go on; Kafka takes more
and more of them, HDFS comes and goes. :meth:`World.check` says what must be true at any moment.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import msgspec
import zstandard

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
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, Booked
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
