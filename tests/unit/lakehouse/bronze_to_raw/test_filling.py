"""Raw files from bronze: each position of a gap that bronze has is in raw once, whatever is killed; the rest is named.

Bronze is a Delta table in a local folder, as are the raw files.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import zstandard
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import instants
from lakehouse.bronze_to_raw.bronze import Part
from lakehouse.bronze_to_raw.filling import BronzeToRaw
from lakehouse.clients.files import LocalFiles
from lakehouse.clients.raw_files import commit, pack
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedBatch, Booked, RawGaps, RawManifest
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Run, Stream, hour_of, show_hour
from lakehouse.ledger.raw_gaps import unfilled
from lakehouse.ledger.spans import Span
from tests.support.bronze_rows import SCHEMA

LAYOUT = Layout("/w")
STREAM = Stream("edge-1", "00000000000000aa")
HOUR = 490_000
COUNT = 24
PER_HOUR, PER_SEGMENT = 9, 5


class KilledError(Exception):
    """The process has ended here."""


class MortalFiles(LocalFiles):
    """Files whose client is killed before one of its steps."""

    fuse = -1

    def burn(self) -> None:
        self.fuse -= 1
        if self.fuse == 0:
            raise KilledError

    def write(self, path: str, data: bytes) -> None:
        self.burn()
        super().write(path, data)

    def rename(self, source: str, target: str) -> None:
        self.burn()
        super().rename(source, target)


def place(seq: int) -> tuple[str, int]:
    """Its segment and hour: segments run over the ends of hours."""
    return f"{STREAM.incarnation}-{seq // PER_SEGMENT}", HOUR + seq // PER_HOUR


def row(seq: int) -> dict[str, Any]:
    segment, hour = place(seq)
    at = instants.from_micros(hour * MICROSECONDS_PER_HOUR) + timedelta(milliseconds=seq // 2)
    event = {"source": "/s", "id": f"e{seq}", "type": "page.viewed", "time": at, "subject": None, "dataschema": None}
    position = {"edge": STREAM.edge, "segment": segment, "seq": seq, "merchant_id": f"m{seq // 4 % 2}"}
    rest = {"extensions": None, "replay_of": None, "data": "{}", "kafka_partition": 0, "kafka_offset": seq}
    return {"accepted_date": at.date(), "accepted_at": at, **position, **event, **rest}


class Bronze:
    """A table with these positions, some of them twice, and the same of another edge."""

    def __init__(self, folder: Path, seqs: list[int]) -> None:
        self.url = str(folder)
        rows = [row(seq) for seq in seqs] + [row(seq) | {"edge": "edge-2", "id": "other"} for seq in seqs]
        write_deltalake(self.url, pa.Table.from_pylist(rows, schema=SCHEMA), partition_by=["accepted_date"])

    def runs(self, stream: Stream, hour: int, bounds: Span) -> list[Run]:
        seq, edge = pc.field("seq"), pc.field("edge")
        found = self._read((edge == stream.edge) & (seq >= bounds[0]) & (seq < bounds[1]), hour)
        return [Run(stream.edge, one["segment"], one["seq"], one["seq"], hour) for one in found]

    def rows(self, part: Part) -> Iterator[dict[str, Any]]:
        seq, edge = pc.field("seq"), pc.field("edge")
        among = pc.field("segment").isin(part.segments)
        found = self._read((edge == part.stream.edge) & among & (seq >= part.first) & (seq <= part.last), part.hour)
        return iter(sorted(found, key=lambda one: int(one["seq"])))

    def _read(self, condition: Any, hour: int) -> list[dict[str, Any]]:
        found = DeltaTable(self.url).to_pyarrow_dataset().to_table(filter=condition).to_pylist()
        return [one for one in found if hour_of(instants.to_micros(one["accepted_at"])) == hour]


class World:
    """An edge's gaps, its raw files and bronze."""

    def __init__(self, folder: Path, gaps: list[int], raw: set[int], bronze: list[int]) -> None:
        self.files = MortalFiles(folder / "hdfs")
        self.bronze = Bronze(folder / "bronze", bronze)
        named = RawGaps(*STREAM, [Booked(place(seq)[1], seq, seq) for seq in gaps])
        self.files.write(LAYOUT.raw_gaps(*STREAM), msgspec.json.encode(named))
        for seq in sorted(raw):
            segment, hour = place(seq)
            at, data = hour * MICROSECONDS_PER_HOUR, pack(b"%d\n" % seq)
            hours = {show_hour(hour)[:13]: 1}
            manifest = RawManifest(STREAM.edge, segment, seq, seq, 1, len(data), _sha(data), hours, at, at, "zstd")
            commit(self.files, LAYOUT, manifest, data, f"{segment}.own{seq}")

    @property
    def verb(self) -> BronzeToRaw:
        return BronzeToRaw(self.files, LAYOUT, self.bronze)

    def fill(self) -> tuple[int, int]:
        return self.verb.carry_out(self.verb.plan())

    def written(self) -> list[int]:
        """By the lines of the files that this verb has committed; each must be what its manifest says."""
        found = []
        for path in sorted((self.files._folder / "w/raw").glob("*/*.manifest.json")):
            manifest = msgspec.json.decode(path.read_bytes(), type=RawManifest)
            if manifest.from_bronze:
                data = path.with_name(path.name.replace(".manifest.json", ".ndjson.zst")).read_bytes()
                seqs = list(_sequences(manifest, data))
                assert [seq for first, last in manifest.held for seq in range(first, last + 1)] == seqs
                assert (manifest.consistent, manifest.bytes, manifest.checksum) == (True, len(data), _sha(data))
                found += seqs
        return sorted(found)

    def documents(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.files._folder.rglob("*") if path.is_file()}


def _sequences(manifest: RawManifest, data: bytes) -> Iterator[int]:
    for line in zstandard.ZstdDecompressor().decompress(data).splitlines():
        batch = msgspec.json.decode(line, type=AcceptedBatch)
        assert (batch.edge, batch.segment) == (STREAM.edge, manifest.segment)
        assert manifest.first_accepted_at <= batch.accepted_at <= manifest.last_accepted_at
        for number, event in enumerate(batch.events):
            seq = batch.first + number
            assert (event.id, batch.segment, batch.merchant_id) == (f"e{seq}", place(seq)[0], f"m{seq // 4 % 2}")
            yield seq


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


SEQS = st.lists(st.integers(0, COUNT - 1), max_size=COUNT)


@settings(max_examples=40, deadline=None)
@given(gaps=SEQS, raw=st.sets(st.integers(0, COUNT - 1)), bronze=SEQS, kills=st.lists(st.integers(1, 12), max_size=3))
def test_what_bronze_has_of_a_gap_is_in_raw_once(
    gaps: list[int], raw: set[int], bronze: list[int], kills: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), gaps, raw, bronze)
        for steps in kills:
            world.files.fuse = steps
            try:
                world.fill()
            except KilledError:
                continue
        world.files.fuse = -1
        plan = world.verb.plan()
        world.verb.carry_out(plan)
        lacking = set(gaps) - raw - set(bronze)
        assert world.written() == sorted((set(gaps) - raw) & set(bronze))
        assert {seq for booked in plan.missing.values() for one in booked for seq in range(*one.span)} == lacking
        left = unfilled(world.files, LAYOUT)
        assert {seq for booked in left.values() for one in booked for seq in range(*one.span)} == lacking
        assert world.fill() == (0, 0), "all is in raw files now"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, gaps=list(range(3, 15)), raw={7}, bronze=[*range(12), 4, 20])


def test_the_plan_says_what_is_to_be_done_and_names_what_bronze_lacks(world: World) -> None:
    before = world.documents()
    plan = world.verb.plan()
    missing = {"edge": STREAM.edge, "incarnation": STREAM.incarnation, "first": 12, "last": 14}
    missing["hour"] = show_hour(HOUR + 1)
    assert plan.document() == {"raw_gaps": 12, "in_bronze": 8, "missing": [missing]}
    text = "\n".join(plan.plan().steps)
    assert "8 events of edge-1/00000000000000aa" in text
    assert "bronze lacks edge-1/00000000000000aa/12-14" in text
    assert world.documents() == before


def test_what_bronze_gets_later_is_filled_later(world: World, tmp_path: Path) -> None:
    assert world.fill()[0] == 8
    world.bronze = Bronze(tmp_path / "later", list(range(20)))
    assert world.fill()[0] == 3
    assert world.written() == [seq for seq in range(3, 15) if seq != 7]
    assert unfilled(world.files, LAYOUT) == {}
