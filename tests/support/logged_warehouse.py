"""Gold versions and a release log on a local file system, with tables that nobody reads."""

from pathlib import Path
from typing import Any

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import GOLD_SCHEMA, GOLD_TABLES
from lakehouse.ledger.proof import SILVER
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import (
    BronzeCursor,
    Definition,
    GoldVersion,
    Plan,
    ReleaseKind,
    Snapshot,
    TableState,
)
from lakehouse.releases.version_status import Status, version_states
from lakehouse.releases.versions import Versions
from lakehouse.transform.publishing.publish import following, publish_snapshot
from tests.support.release_documents import snapshot

LAYOUT = Layout("/w")
FINGERPRINT = "f" * 64


class LoggedWarehouse:
    def __init__(self, folder: Path, layout: Layout = LAYOUT) -> None:
        self.files = LocalFiles(folder)
        self.layout = layout
        self.versions = Versions(self.files, layout)

    @property
    def log(self) -> ReleaseLog:
        return ReleaseLog(self.files, self.layout)

    def version(self, plan: Plan | None = None) -> GoldVersion:
        return self.versions.create(Definition(FINGERPRINT), plan)

    def snapshot(self, version: GoldVersion, **changes: Any) -> Snapshot:
        """The next one. ``changes`` by the names of the fields."""
        number = len(self.versions.snapshot_numbers(version.version)) + 1
        states = {
            name: TableState(f"{name.partition('.')[0]}_v{version.version}", f"/{name}{version.version}", number)
            for name in (*(f"{GOLD_SCHEMA}.{table}" for table in GOLD_TABLES), *SILVER)
        }
        made = snapshot(version.version, number, states, **({"complete_through": 900 * number} | changes))
        self.versions.add_snapshot(made)
        return made

    def cycle(self, version: GoldVersion) -> Published | None:
        return publish_snapshot(self.log, version, self.snapshot(version))

    def promote(self, version: GoldVersion) -> Published:
        newest = self.versions.latest_snapshot(version.version)
        assert newest is not None
        return self.log.append(following(self.log.current(), version, newest, ReleaseKind.PROMOTE, actor="olga"))

    def statuses(self) -> dict[int, Status]:
        return {state.number: state.status for state in version_states(self.versions, self.log.refresh())}


CANDIDATE = Plan("bronze", BronzeCursor(FIRST_GENERATION, 1), None, "olga")
