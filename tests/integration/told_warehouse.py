"""A warehouse on the real HDFS and Trino that remembers what analysts saw at each of its releases."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import GOLD_TABLES, TRANSFORM_USER
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import new_nonce
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform import catalog, definition
from lakehouse.transform.building.build import Build, run
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.history.by_release import History
from lakehouse.transform.service import Transform
from tests.integration.naive_restatements import Shown
from tests.support.bronze_rows import START, Row, write

RETENTION = timedelta(days=90)


@dataclass
class Told:
    """A warehouse, and what its views in ``gold`` showed at each release."""

    settings: Settings
    home: Path
    shown: dict[int, Shown]

    def __post_init__(self) -> None:
        self.files = HdfsFiles(self.settings.hdfs_url)
        self.layout = Layout(self.settings.warehouse)
        self.log = ReleaseLog(self.files, self.layout)
        self.trino = Trino.of(self.settings, user=TRANSFORM_USER)
        self.versions = Versions(self.files, self.layout)
        self.history = History(self.trino, self.log, RETENTION)
        self.transform = Transform(self.settings)

    def arrive(self, rows: list[Row], reached: timedelta) -> None:
        """Rows arrive, and a cycle follows."""
        write(f"{self.settings.hdfs_url}{self.layout.bronze(FIRST_GENERATION)}", [rows], START + reached)
        assert self.transform.turn().release is not None
        self.collect()

    def publish(self, version: int, kind: str, snapshot: int | None = None) -> None:
        """As an operator does."""
        parent = self.log.current()
        assert parent is not None
        latest = self.versions.latest_snapshot(GoldVersionNumber(version))
        assert latest is not None
        named = (
            latest if snapshot is None else self.versions.snapshot(GoldVersionNumber(version), SnapshotNumber(snapshot))
        )
        self.log.append(
            msgspec.structs.replace(
                parent.release,
                release=parent.number + 1,
                parent=parent.number,
                kind=kind,
                actor="o'hara",
                reason="it's wrong",
                gold_version=version,
                snapshot=named.number,
                tables=named.tables,
                bronze=named.bronze,
                complete_through=named.complete_through,
                nonce=new_nonce(),
            )
        )
        catalog.show_current(self.trino, self.log)
        self.collect()

    def collect(self) -> None:
        current = self.log.current()
        assert current is not None
        self.history.update(lambda _: False, datetime.now(UTC))
        self.shown[current.number] = {
            table: sorted(self.trino.query(f"SELECT * FROM gold.{table}"), key=str) for table in GOLD_TABLES
        }

    def build_another(self) -> int:
        """A version whose definition counts refunds twice, at the newest bronze commit of the live one."""
        project = self.home / "dbt_project"
        shutil.copytree(definition.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
        macro = project / "macros" / "sales_facts_of.sql"
        planted = macro.read_text().replace("{{ money('amount_minor') }} - {{", "2 * {{ money('amount_minor') }} - {{")
        assert planted != macro.read_text()
        macro.write_text(planted)
        version = self.versions.create(definition.freeze(self.files, self.layout, project))
        live = self.versions.latest_snapshot(GoldVersionNumber(1))
        assert live is not None
        catalog.prepare(self.trino, self.settings, self.layout, version.version, FIRST_GENERATION)
        thawed = definition.thaw(self.files, self.layout, version.definition, self.home)
        through = live.bronze.delta_version
        run(self.settings, thawed, Build(version.version, SnapshotNumber(1), FIRST_GENERATION, -1, through, 35))
        states = Builder(self.settings, self.files).tables.found(version)
        self.versions.add_snapshot(
            msgspec.structs.replace(live, gold_version=version.version, number=1, tables=states, nonce=new_nonce())
        )
        return version.version
