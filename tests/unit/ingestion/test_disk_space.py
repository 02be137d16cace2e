"""A full disk while HDFS is away: whatever happens when, a position is in a raw file, here, or a named gap.

Runs begin, are killed between any two steps and go on; Kafka takes more and more of them, HDFS comes and goes.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import instants
from lakehouse.contracts.records import Booked, RawManifest
from lakehouse.ledger.raw_gaps import unfilled
from lakehouse.ledger.read_edges import read_ledgers
from tests.support.full_disk import BEGAN, LAYOUT, World, world_of

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
    shipper._turn()
    assert not shipper.is_hdfs_away
    world.accept(1)
    world.runs[0].log.seal()
    world.files.away = True
    shipper._turn()
    assert shipper.is_hdfs_away
    world.files.away = False
    date = instants.from_micros(world.now).date().isoformat()
    manifest = LAYOUT.raw_manifest(date, f"{world.runs[0].id}-0")
    world.files.write(manifest, msgspec.json.encode(RawManifest("e", "s", 7, 7, 1, 0, "", {}, 0, 0)))
    shipper._turn()
    assert "another than the segment" in str(shipper.failure)
    assert not shipper.is_hdfs_away
