"""Whether some of a round's events are enough for the models to fail or to count wrongly.

In: the line's settings, and rows of bronze. Out: what a gold version of its own says to them, or counts wrongly. Each
trial is one bronze commit of a scratch generation, and a build from nothing by the live version's definition.
"""

from dataclasses import dataclass

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import CATALOG, TRANSFORM_USER, VERSION_LAYERS, physical_schema
from lakehouse.errors import LakehouseError
from lakehouse.releases import catalog, definition
from lakehouse.releases.building.build import Build, run
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from tests.fuzz import checks
from tests.integration.bronze_rows import START, Row, write

SCRATCH = 99
"""The scratch generation of bronze, and the number under which the gold version's tables lie."""
LONGEST = 2_000
"""Characters of an event that are shown."""


@dataclass
class Trials:
    """Builds parts of a round with the definition of the live version."""

    settings: Settings
    count: int = 0
    """Of bronze commits."""

    def __post_init__(self) -> None:
        self._files, self._layout = HdfsFiles(self.settings.hdfs_url), Layout(self.settings.warehouse)
        self._trino = Trino.of(self.settings, user=TRANSFORM_USER)
        live = Versions(self._files, self._layout).get(1)
        self._project = definition.thaw(self._files, self._layout, live.definition, self.settings.home_path)

    def failure(self, rows: list[Row]) -> str | None:
        """What a build of these rows says, or what it counts wrongly; None if all is well."""
        self._clear(rows)
        repeat = self.settings.transform.order_repeat_days
        try:
            run(self.settings, self._project, Build(SCRATCH, 1, SCRATCH, self.count - 1, self.count, repeat))
        except LakehouseError as error:
            return str(error)
        finally:
            self.count += 1
        return checks.difference(self._trino, SCRATCH, rows)

    def _clear(self, rows: list[Row]) -> None:
        url = self.settings.hdfs_url
        write(f"{url}{self._layout.bronze(SCRATCH)}", [rows], START)
        if not self.count:
            write(f"{url}{self._layout.bronze(SCRATCH)}", [rows], START)
            write(f"{url}{self._layout.quarantine(SCRATCH)}", [[]], START)
            self.count = 1
        for layer in VERSION_LAYERS:
            self._trino.query(f"DROP SCHEMA IF EXISTS {CATALOG}.{physical_schema(layer, SCRATCH)} CASCADE")
        catalog.prepare(self._trino, self.settings, self._layout, SCRATCH, SCRATCH)


def told(rows: list[Row], most: int = 3) -> str:
    """The events as they lie in bronze."""
    first = [f"{row.merchant_id} {row.type} {row.time} {row.position} {row.data[:LONGEST]}" for row in rows[:most]]
    more = [f"and {len(rows) - most} more"] if len(rows) > most else []
    return "\n".join([*first, *more])
