"""How far a version goes that is brought to another, which may read another bronze generation."""

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.commit_info import BronzeCommit, PartitionRange
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.releases.model import BronzeCursor, Snapshot
from lakehouse.settings import Settings
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.building.catch_up import CatchUp
from tests.support.release_documents import snapshot

Ends = tuple[int, int]


def offsets(ends: Ends) -> dict[str, dict[int, PartitionRange]]:
    return {"events": {partition: PartitionRange(0, end) for partition, end in enumerate(ends)}}


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """Bronze of the second generation: commits that end there, and a compaction among them."""
    builder = Builder(Settings(home=tmp_path), LocalFiles(tmp_path))
    table = f"{tmp_path}{builder.layout.bronze(GenerationNumber(2))}"
    for number, ends in enumerate([(4, 1), (6, 1), (6, 5), (9, 9)]):
        said = BronzeCommit(GenerationNumber(2), 1, number, offsets(ends), [], rows=1, quarantined=0)
        properties = CommitProperties(custom_metadata={"userMetadata": msgspec.json.encode(said).decode()})
        write_deltalake(table, pa.table({"n": [number]}), mode="append", commit_properties=properties)
        if number == 1:
            write_deltalake(table, pa.table({"n": [0]}), mode="append")
    return builder


def at(generation: int, version: int, ends: Ends) -> Snapshot:
    return snapshot(generation, 1, bronze=BronzeCursor(GenerationNumber(generation), version), offsets=offsets(ends))


@pytest.mark.parametrize(
    ("live", "through"),
    [
        ((4, 1), 0),  # we are there
        ((3, 0), 0),  # or further
        ((6, 1), 1),  # the commit that ends there
        ((5, 1), 1),  # none does: the first that has all of it
        ((6, 2), 3),
        ((9, 9), 4),
        ((9, 10), 4),  # none has all of it yet: the newest
    ],
)
def test_a_version_of_another_generation_goes_to_what_the_live_one_has_consumed(
    builder: Builder, live: Ends, through: int
) -> None:
    assert CatchUp(builder)._through(at(2, 0, (4, 1)), at(1, 77, live)) == through


def test_one_of_the_same_generation_goes_to_its_commit(builder: Builder) -> None:
    assert CatchUp(builder)._through(at(2, 0, (4, 1)), at(2, 3, (6, 5))) == 3
