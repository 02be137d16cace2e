"""Tables of which Trino has only the name: what was never audited is dropped, what was audited is an operator's matter.
On a local file system; Trino has a catalogue, and nothing else."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import LakehouseError
from lakehouse.releases.model import GoldVersion, Snapshot, TableState
from lakehouse.settings import Settings
from lakehouse.transform.backfill.rebuild import may_pass
from lakehouse.transform.building.builder import Builder
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse
from tests.support.release_documents import snapshot


@dataclass
class Catalogue:
    """Tables of a schema, each in a folder of its name."""

    schema: str
    names: list[str]
    dropped: list[str] = field(default_factory=list)

    def query(self, sql: str) -> list[dict[str, Any]]:
        command, _, table = sql.rpartition(" ")
        if command == "DROP TABLE":
            self.dropped.append(table)
            self.names.remove(table.rpartition(".")[2])
        if command == "SHOW CREATE TABLE":
            return [{"Create Table": f"location = 'hdfs://h/{table.rpartition('.')[2]}'"}]
        return [{"table_schema": self.schema, "table_name": name} for name in self.names]


@dataclass
class World:
    builder: Any
    version: GoldVersion
    last: Snapshot
    catalogue: Catalogue

    def leftovers(self) -> dict[str, TableState]:
        found: dict[str, TableState] = self.builder.tables.without_leftovers(self.version, self.last, 2)
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    """``merchant_sales`` is audited, and whole; of ``merchant_traffic``, which is not, there is only the name."""
    made = LoggedWarehouse(tmp_path / "hdfs")
    version = made.version(CANDIDATE)
    schema = f"gold_v{version.version}"
    made.files.write("/merchant_sales/_delta_log/00000000000000000003.json", b"{}")
    last = snapshot(version.version, 1, {"gold.merchant_sales": TableState(schema, "/merchant_sales", 3)})
    builder: Any = Builder(Settings(home=tmp_path / "home", warehouse=LAYOUT.root), made.files)
    builder.trino = catalogue = Catalogue(schema, ["merchant_sales", "merchant_traffic"])
    return World(builder, version, last, catalogue)


def test_a_mere_name_is_dropped(world: World) -> None:
    assert world.leftovers() == world.last.tables
    assert world.catalogue.dropped == [f"lake.{world.catalogue.schema}.merchant_traffic"]


def test_an_audited_table_without_a_name_is_not_made_anew(world: World) -> None:
    world.catalogue.names.remove("merchant_sales")
    with pytest.raises(LakehouseError, match=r"not in Trino's catalogue any more: .*merchant_sales.*register_table"):
        world.leftovers()


def test_an_audited_table_that_is_lost_is_told_and_not_tried_again(world: World) -> None:
    world.builder.files.delete("/merchant_sales")
    lost = f"an audited table has lost its Delta log: lake.{world.catalogue.schema}.merchant_sales, .* /merchant_sales"
    with pytest.raises(LakehouseError, match=lost) as raised:
        world.leftovers()
    assert not may_pass(raised.value)
    assert "never audited" not in str(raised.value)
    assert "lakehouse reprocess" in str(raised.value)
    assert world.catalogue.dropped in ([], [f"lake.{world.catalogue.schema}.merchant_traffic"])
