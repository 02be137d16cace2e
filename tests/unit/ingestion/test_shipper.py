"""What reaches HDFS of a log that a disk has damaged: no count sinks, no raw file changes, and no run stops another."""

from pathlib import Path

import msgspec
import pytest
import zstandard

from ingestion.clock import Clock
from ingestion.incarnation import Incarnation, begin
from ingestion.shipper import Shipper
from lakehouse import instants
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedEvent, EdgeLedger, RawManifest
from lakehouse.errors import RefusedError
from lakehouse.settings import EdgeSettings

LAYOUT = Layout("/lakehouse")
EDGE = EdgeSettings()


class World:
    """An edge's folder and a file system."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock(folder / "clock.json")
        self.folder = folder / "edge"
        self.folder.mkdir()
        self.files = LocalFiles(folder / "hdfs")

    def ended(self, *sizes: int) -> Incarnation:
        """A run that was killed after batches of so many events."""
        run = begin(self.folder, self.clock, EDGE)
        for size in sizes:
            run.log.append("m", [AcceptedEvent(f"e{n}", "s", "page.viewed", 1, "{}") for n in range(size)])
        run.log.lines.roll()
        return self.again(run)

    def again(self, run: Incarnation) -> Incarnation:
        return Incarnation(run.folder, self.clock, EDGE, ended=True)

    def ship(self, *runs: Incarnation) -> None:
        shipper = Shipper(EDGE, self.files, LAYOUT, self.clock)
        shipper._incarnations = list(runs)
        shipper.round()

    def paths(self, run: Incarnation) -> tuple[str, str]:
        date = instants.from_micros(run.log.segments[0].first_accepted_at).date().isoformat()
        return LAYOUT.raw_file(date, f"{run.id}-0"), LAYOUT.raw_manifest(date, f"{run.id}-0")

    def manifest(self, run: Incarnation) -> RawManifest:
        return msgspec.json.decode(self.files.read(self.paths(run)[1]), type=RawManifest)

    def ledger(self, run: Incarnation) -> EdgeLedger:
        return msgspec.json.decode(self.files.read(LAYOUT.edge_ledger(EDGE.name, run.id)), type=EdgeLedger)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def lose_line(run: Incarnation, index: int) -> None:
    path = run.log.lines.path(0)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:index], b"\0\n", *lines[index + 1 :]]))


def test_a_manifest_names_the_sequences_that_are_there(world: World) -> None:
    run = world.ended(2, 3, 4)
    lose_line(run, 1)
    run = world.again(run)
    world.ship(run)
    found = world.manifest(run)
    assert (found.held, found.count, found.consistent) == ([(0, 1), (5, 8)], 6, True)
    ledger = world.ledger(run)
    assert (ledger.next, sum(ledger.hours.values()), ledger.closed) == (9, 9, True)


def test_what_was_said_to_be_accepted_stays_so(world: World) -> None:
    run = world.ended(2, 3)
    said = run.ledger(1)
    world.files.write(LAYOUT.edge_ledger(EDGE.name, run.id), msgspec.json.encode(said))
    lose_line(run, 1)
    run = world.again(run)
    assert run.log.next == 2
    world.ship(run)
    world.ship(run)
    assert (world.ledger(run).next, world.ledger(run).hours) == (5, said.hours)


def test_a_file_without_its_manifest_does_not_count(world: World) -> None:
    """It is what a DataNode that lost its power has left."""
    run = world.ended(2)
    path, _ = world.paths(run)
    world.files.write(path, b"")
    world.ship(run)
    assert zstandard.ZstdDecompressor().decompress(world.files.read(path)) == run.log.lines.path(0).read_bytes()
    assert world.manifest(run).count == 2


def test_what_was_shipped_before_the_disk_lost_it_is_shipped(world: World) -> None:
    run = world.ended(2, 3)
    world.ship(run)
    before = world.manifest(run)
    lose_line(run, 0)
    run = world.again(run)
    world.ship(run)
    assert run.shipped == {0}
    assert world.manifest(run) == before


def test_a_raw_file_that_lacks_events_of_its_segment_stops_its_own_run_only(world: World) -> None:
    run, other = world.ended(2, 3), world.ended(1)
    whole = run.log.lines.path(0).read_bytes()
    lose_line(run, 0)
    world.ship(world.again(run))
    run.log.lines.path(0).write_bytes(whole)
    run = world.again(run)
    with pytest.raises(RefusedError, match="another than the segment"):
        world.ship(run, other)
    assert (run.shipped, other.shipped) == (set(), {0})
    assert run.log.lines.path(0).exists()
