"""A rebuild from raw files says before it begins what it would leave out."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import Booked, RawGaps, RawManifest
from lakehouse.errors import RefusedError
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Run, show_hour
from lakehouse.ledger.read_kafka import KafkaRuns
from lakehouse.transform.backfill import raw_gaps
from lakehouse.transform.backfill.raw_gaps import refuse_raw_gaps

LAYOUT = Layout("/w")
ID = "00000000000000aa"
HOUR = 490_000


class World:
    """Ten events of an edge are a raw gap. ``asked`` are the hours from which Kafka was read."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files = LocalFiles(folder)
        self.kafka: tuple[Run, ...] = ()
        self.asked: list[int] = []
        monkeypatch.setattr(raw_gaps, "read_kafka", self._read_kafka)

    def _read_kafka(self, bootstrap: str, since: int) -> KafkaRuns:
        self.asked.append(since)
        return KafkaRuns(self.kafka, {})

    def name_gaps(self) -> None:
        gaps = RawGaps("e", ID, [Booked(HOUR, 5, 9), Booked(HOUR + 30, 10, 14)])
        self.files.write(LAYOUT.raw_gaps("e", ID), msgspec.json.encode(gaps))

    def ship(self, first: int, last: int, hour: int) -> None:
        hours, at = {show_hour(hour)[:13]: last - first + 1}, hour * MICROSECONDS_PER_HOUR
        found = RawManifest("e", f"{ID}-{first}", first, last, last - first + 1, 1, "", hours, at, at)
        path = LAYOUT.raw_manifest(show_hour(hour)[:10], found.segment)
        self.files.write(path, msgspec.json.encode(found))

    def check(self) -> None:
        settings = SimpleNamespace(kafka_bootstrap="nowhere")
        refuse_raw_gaps(cast(Any, SimpleNamespace(files=self.files, layout=LAYOUT, settings=settings)))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_without_gaps_nothing_is_asked(world: World) -> None:
    world.check()
    assert world.asked == []


def test_it_is_refused_and_says_how_many_and_since_when(world: World) -> None:
    world.name_gaps()
    with pytest.raises(RefusedError, match=f"10 events, the first accepted in {show_hour(HOUR)}"):
        world.check()
    assert world.asked == [HOUR]


def test_what_a_raw_file_or_kafka_has_is_no_reason(world: World) -> None:
    world.name_gaps()
    world.ship(5, 9, HOUR)
    world.kafka = (Run("e", f"{ID}-10", 10, 13, HOUR + 30),)
    with pytest.raises(RefusedError, match="1 events"):
        world.check()
    world.kafka = (Run("e", f"{ID}-10", 10, 14, HOUR + 30),)
    world.check()
    world.ship(10, 14, HOUR + 30)
    world.asked.clear()
    world.check()
    assert world.asked == [], "raw files have all of it"
