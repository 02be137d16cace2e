"""A warehouse in miniature: Delta logs, gold versions, releases and files in a local folder, at invented times.

It remembers what each Delta version of each table holds, so that a test can tell what must be there without reading
what the code under test reads.
"""

import os
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.trino import Row
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import (
    Base,
    BronzeCursor,
    Drop,
    GoldVersion,
    Plan,
    Release,
    Snapshot,
    TableState,
    new_nonce,
)
from tests.support.release_documents import DEFINITION, release, snapshot

LAYOUT = Layout("/w")
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
NAMES = ("silver.events", "gold.merchant_sales")


@dataclass
class Table:
    """``states`` holds the live files of each Delta version."""

    schema: str
    folder: str
    states: list[frozenset[str]] = field(default_factory=list)

    @property
    def live(self) -> frozenset[str]:
        return self.states[-1] if self.states else frozenset()

    @property
    def head(self) -> TableState:
        return TableState(self.schema, self.folder, len(self.states) - 1)


@dataclass
class Version:
    number: int
    tables: dict[str, Table]
    snapshots: list[Snapshot] = field(default_factory=list)
    published: list[datetime] = field(default_factory=list)
    is_dropped: bool = False
    plan: Plan | None = None
    first: int = 1
    """The number of its first snapshot: what shares tables counts on from its base."""


class TinyWarehouse:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = LocalFiles(root)
        self.now = BEGIN
        self.versions: list[Version] = []
        self.tables: list[Table] = []
        self.releases: list[tuple[Release, datetime]] = []
        self.orphans = 0

    def write(self, path: str, data: bytes) -> None:
        """A file that is as old as the warehouse's own clock says."""
        self.files.write(path, data)
        self.stamp(path)

    def stamp(self, path: str) -> None:
        os.utime(self.root / path.lstrip("/"), (self.now.timestamp(), self.now.timestamp()))

    def create(self, shared: Version | None = None, *, plan: Plan | None = None) -> Version:
        """A new version, whose silver may be another's."""
        number = len(self.versions) + 1
        document = GoldVersion(GoldVersionNumber(number), DEFINITION, 0, new_nonce(), plan)
        self.write(LAYOUT.gold_version_manifest(GoldVersionNumber(number)), msgspec.json.encode(document))
        made = {}
        for name in NAMES:
            layer, _, table = name.partition(".")
            folder = f"{LAYOUT.version_schema(GoldVersionNumber(number), layer)}/{table}-{number:032x}"
            made[name] = Table(f"{layer}_v{number}", folder)
        if shared is not None:
            made[NAMES[0]] = shared.tables[NAMES[0]]
        self.tables += [table for table in made.values() if table not in self.tables]
        version = Version(number, made, plan=plan)
        self.versions.append(version)
        for own in made.values():
            self.append(own)
        return version

    def beside(self, base: Version, *, shared: bool) -> Version:
        """A candidate."""
        known = Base(ReleaseNumber(len(self.releases)), GoldVersionNumber(base.number), base.snapshots[-1].number)
        plan = Plan("bronze", BronzeCursor(FIRST_GENERATION, 0), known, "operator")
        made = self.create(base if shared else None, plan=plan)
        made.first = known.snapshot if shared else 1
        return made

    def data_file(self, table: Table) -> str:
        path = f"month=2020-01-01/{new_nonce()}"
        self.write(f"{table.folder}/{path}", b"x" * 7)
        return path

    def append(self, table: Table) -> None:
        self.commit(table, added=[self.data_file(table)], removed=[])

    def rewrite(self, table: Table, chance: random.Random) -> None:
        """As a merge does: some files go, one comes."""
        removed = [path for path in sorted(table.live) if chance.random() < 0.5]
        self.commit(table, added=[self.data_file(table)], removed=removed)

    def commit(self, table: Table, added: list[str], removed: list[str]) -> None:
        actions: list[dict[str, Any]] = [{"commitInfo": {"timestamp": 0, "operation": "MERGE"}}]
        actions += [{"remove": {"path": path.replace("=", "%3D"), "dataChange": True}} for path in removed]
        actions += [{"add": {"path": path.replace("=", "%3D"), "size": 7, "dataChange": True}} for path in added]
        number = len(table.states)
        lines = b"\n".join(msgspec.json.encode(action) for action in actions)
        self.write(f"{table.folder}/_delta_log/{number:020d}.json", lines)
        table.states.append((table.live - frozenset(removed)) | frozenset(added))

    def checkpoint(self, table: Table, *, lies: bool = False) -> None:
        """With ``lies``, one that has forgotten a file."""
        number = len(table.states) - 1
        adds = [{"path": path.replace("=", "%3D"), "size": 7} for path in sorted(table.live)[1 if lies else 0 :]]
        rows = [{"add": None, "protocol": "p"}, *({"add": add, "protocol": None} for add in adds)]
        sink = pa.BufferOutputStream()
        kind = pa.struct([("path", pa.string()), ("size", pa.int64())])
        pq.write_table(pa.Table.from_pylist(rows, pa.schema([("add", kind), ("protocol", pa.string())])), sink)
        log = f"{table.folder}/_delta_log"
        self.write(f"{log}/{number:020d}.checkpoint.parquet", sink.getvalue().to_pybytes())
        self.write(f"{log}/_last_checkpoint", msgspec.json.encode({"version": number, "size": len(rows)}))

    def leave_orphans(self, table: Table) -> None:
        """What a killed writer leaves."""
        self.data_file(table)
        self.write(f"{table.folder}/_delta_log/.{99:020d}.json.{new_nonce()}.tmp", b"{}")
        self.write(f"{LAYOUT.staging}/{new_nonce()}", b"{}")

    def snapshot(self, version: Version, *, built_before: int | None = None) -> Snapshot:
        number = version.first + len(version.snapshots)
        tables = {name: table.head for name, table in version.tables.items()}
        made = snapshot(version.number, number, tables, built_before=built_before)
        self.write(
            LAYOUT.snapshot(GoldVersionNumber(version.number), SnapshotNumber(number)), msgspec.json.encode(made)
        )
        version.snapshots.append(made)
        version.published.append(self.now)
        return made

    def release(self, version: Version) -> None:
        """Of the version's newest snapshot."""
        number = len(self.releases) + 1
        made = release(number, version.snapshots[-1])
        self.write(LAYOUT.release_manifest(ReleaseNumber(number)), msgspec.json.encode(made))
        self.stamp(LAYOUT.release(ReleaseNumber(number)))
        self.releases.append((made, self.now))

    @property
    def current(self) -> Version:
        return self.versions[self.releases[-1][0].gold_version - 1]

    def drop(self, version: Version) -> None:
        word = Drop(GoldVersionNumber(version.number), "operator", None, 0, new_nonce())
        self.write(LAYOUT.gold_version_drop(GoldVersionNumber(version.number)), msgspec.json.encode(word))
        version.is_dropped = True

    def has(self, table: Table, path: str) -> bool:
        return (self.root / table.folder.lstrip("/") / path).exists()

    def readable(self, state: TableState) -> bool:
        """Whether every file of that Delta version is there."""
        table = next(table for table in self.tables if table.folder == state.location)
        return all(self.has(table, path) for path in table.states[state.delta_version])

    def lying(self, table: Table, *, older_than: datetime | None = None) -> set[str]:
        """The data files in the folder."""
        folder = self.root / table.folder.lstrip("/")
        found = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "_delta_log"]
        until = older_than.timestamp() if older_than else float("inf")
        return {str(path.relative_to(folder)) for path in found if path.stat().st_mtime < until}


class Catalogue:
    """Stands in for Trino: what is registered, and nothing of SQL but the three statements of a removal."""

    def __init__(self, warehouse: TinyWarehouse) -> None:
        self.tables = {(t.schema, name.partition(".")[2]) for v in warehouse.versions for name, t in v.tables.items()}
        self.schemas = {schema for schema, _ in self.tables}

    def query(self, sql: str) -> list[Row]:
        words = sql.replace("(", " ").replace(")", " ").replace(",", " ").split()
        if sql.startswith("SELECT table_name"):
            found = [name for schema, name in sorted(self.tables) if f"'{schema}'" in words]
            return [{"table_name": name, "is_view": False} for name in found]
        if sql.startswith("CALL lake.system.unregister_table"):
            self.tables.remove((words[4].strip("'"), words[7].strip("'")))
        elif sql.startswith("DROP SCHEMA IF EXISTS"):
            schema = words[-1].removeprefix("lake.")
            assert schema not in {one for one, _ in self.tables}, "the schema is not empty"
            self.schemas.discard(schema)
        else:
            raise AssertionError(f"unexpected statement: {sql}")
        return []
