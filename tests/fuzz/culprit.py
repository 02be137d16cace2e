"""Whether some of a round's events are enough for the models to fail or to count wrongly.

In: the line's settings, and rows of bronze. Out: what a gold version of its own says to them, or counts wrongly. Each
trial is one bronze commit of a scratch generation, and a build from nothing by the live version's definition.
"""

import json
import re

from deltalake import DeltaTable

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import CATALOG, TRANSFORM_USER, VERSION_LAYERS, physical_schema
from lakehouse.errors import LakehouseError
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform import catalog, definition
from lakehouse.transform.building.build import Build, run
from tests.fuzz import checks
from tests.support.bronze_rows import START, Row, write

SCRATCH = 99
"""The scratch generation of bronze, and the number under which the gold version's tables lie."""
LONGEST = 2_000
"""Characters of an event that are shown."""


class Trials:
    """Builds parts of a round with the definition of the live version."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files, self._layout = HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)
        self._trino = Trino.of(settings, user=TRANSFORM_USER)
        live = Versions(self._files, self._layout).get(GoldVersionNumber(1))
        self._project = definition.thaw(self._files, self._layout, live.definition, settings.home_path)

    def failure(self, rows: list[Row]) -> str | None:
        """What a build of these rows says, or what it counts wrongly; None if all is well."""
        through, repeat = self._prepare(rows), self._settings.transform.order_repeat_days
        try:
            run(
                self._settings,
                self._project,
                Build(GoldVersionNumber(SCRATCH), SnapshotNumber(1), GenerationNumber(SCRATCH), -1, through, repeat),
            )
            return checks.difference(self._trino, SCRATCH, rows)
        except LakehouseError as error:
            return str(error)

    def _prepare(self, rows: list[Row]) -> int:
        """Bronze with nothing but these rows, and no table of the version; returns bronze's Delta version."""
        bronze = f"{self._settings.hdfs_url}{self._layout.bronze(GenerationNumber(SCRATCH))}"
        if DeltaTable.is_deltatable(bronze):
            DeltaTable(bronze).delete()
        else:
            write(f"{self._settings.hdfs_url}{self._layout.quarantine(GenerationNumber(SCRATCH))}", [[]], START)
        write(bronze, [rows], START)
        for layer in VERSION_LAYERS:
            self._trino.query(
                f"DROP SCHEMA IF EXISTS {CATALOG}.{physical_schema(layer, GoldVersionNumber(SCRATCH))} CASCADE"
            )
        catalog.prepare(
            self._trino, self._settings, self._layout, GoldVersionNumber(SCRATCH), GenerationNumber(SCRATCH)
        )
        return int(DeltaTable(bronze).version())


def kind_of(failure: str | None) -> str | None:
    """What makes two failures alike: the name of Trino's error, or what is counted wrongly."""
    if failure is None:
        return None
    name = re.search(r"name=[A-Z_]+", failure)
    return name[0] if name else failure.partition(" ")[0]


def by_what_they_share(row: Row) -> tuple[str, str, str]:
    """An order of rows in which those that may work together are in the same half: of one shop, and of one order."""
    data = json.loads(row.data)
    return row.merchant_id, str(data.get("refund_id" if row.type == "refund.issued" else "order_id")), row.id


def told(rows: list[Row], most: int = 3) -> str:
    """The events as they lie in bronze."""
    first = [f"{row.merchant_id} {row.type} {row.time} {row.position} {row.data[:LONGEST]}" for row in rows[:most]]
    more = [f"and {len(rows) - most} more"] if len(rows) > most else []
    return "\n".join([*first, *more])
