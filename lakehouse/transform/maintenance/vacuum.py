"""Vacuum: removes the files that nobody may ask for any more. Stock vacuums know only time; this one knows the log.

In: the release log, the gold versions, the Delta logs, the folders, and since when the oldest running writer is at
work. Out: a :class:`Plan`, which can be printed or carried out. Keeps the other half of promise 4: history costs what
it must. Bronze and ``ops`` are not touched.

What makes it safe beside cycles, builds and readers:

- Only files older than the cutoff go: the margin before the start of the oldest running writer's query. What a writer
  is about to commit was written by a query that still runs, hence after that.
- The folder is listed before the log is read. A file that was listed, is older than the cutoff and is in no version
  that must stay readable (``retention``), can come into no later version. There are two ways back: to the newest audit,
  which stays readable, when a build is tried again, and ``rollback --exact``, which excludes a vacuum
  (``locks.undisturbed``).
- Each step removes one file or folder that nobody needs and that a later plan would find again. So it can be killed
  anywhere, repeated, and run twice at once.
- The log of a needed table stays whole, also below a checkpoint: Trino reads its first commit when it writes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse import table_files
from lakehouse.clients.files import Entry, Files, clock
from lakehouse.clients.trino import Trino, literal
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.version_status import Status, version_states
from lakehouse.releases.versions import Versions
from lakehouse.settings import ReleaseSettings, Settings
from lakehouse.transform import retention
from lakehouse.transform.locks import building
from lakehouse.transform.maintenance import removal
from lakehouse.transform.retention import Needed

STAGING_DAYS = timedelta(days=1)
"""A document waits in staging for a moment; what is a day old was left there by a writer that died."""


@dataclass(frozen=True)
class TablePlan:
    """What goes of one table. With ``whole``, all of the folder goes, and its ``log`` with it."""

    gold_version: GoldVersionNumber
    layer: str
    folder: str
    files: tuple[Entry, ...]
    log: tuple[Entry, ...]
    kept_bytes: int
    whole: bool = False

    @property
    def name(self) -> str:
        """As Trino names it: the folder is called by the table's name and a unique part."""
        stem = self.folder.rpartition("/")[2]
        return f"{tables.physical_schema(self.layer, self.gold_version)}.{stem.rpartition('-')[0] or stem}"

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in (*self.files, *self.log))


@dataclass(frozen=True)
class Plan:
    """What a vacuum would remove."""

    tables: tuple[TablePlan, ...]
    staging: tuple[Entry, ...]
    need: Needed

    @property
    def dropped(self) -> list[GoldVersionNumber]:
        """The gold versions of which whole tables go."""
        return sorted({table.gold_version for table in self.tables if table.whole})

    @property
    def files(self) -> int:
        return sum(len(table.files) + len(table.log) for table in self.tables) + len(self.staging)

    @property
    def bytes(self) -> int:
        return sum(table.bytes for table in self.tables) + sum(entry.size for entry in self.staging)

    def document(self) -> dict[str, Any]:
        """The plan as JSON: sums, and a row for each table of which something goes."""
        rows = [
            {
                "table": table.name,
                "gold_version": table.gold_version,
                "files": len(table.files),
                "log_files": len(table.log),
                "bytes": table.bytes,
                "kept_bytes": table.kept_bytes,
                "whole": table.whole,
            }
            for table in self.tables
            if table.files or table.whole
        ]
        staging = {"files": len(self.staging), "bytes": sum(entry.size for entry in self.staging)}
        return {"files": self.files, "bytes": self.bytes, "tables": rows, "staging": staging}


@dataclass(frozen=True)
class Moment:
    """``now`` is the NameNode's clock. What was written before ``cutoff`` belongs to no writer that is at work."""

    now: datetime
    cutoff: datetime


def moment(trino: Trino, files: Files, layout: Layout, margin: timedelta) -> Moment:
    """Looks at the clock and at the running writers."""
    now = clock(files, layout.staging)
    rows = trino.query(
        "SELECT min(created) AS oldest FROM system.runtime.queries "
        f"WHERE regexp_like(\"user\", {literal(f'^({tables.WRITERS})$')}) AND state NOT IN ('FINISHED', 'FAILED') "
        "AND query NOT LIKE '%runtime.queries%'"
    )
    oldest = rows[0]["oldest"]
    return Moment(now, (min(now, oldest.astimezone(UTC)) if oldest else now) - margin)


def plan(
    files: Files, layout: Layout, settings: ReleaseSettings, at: Moment, restated_through: ReleaseNumber | None = None
) -> Plan:
    """Reads, and changes nothing. ``restated_through``: the newest release whose restatements are computed; None if
    nobody computes any."""
    releases = ReleaseLog(files, layout).refresh()
    versions = Versions(files, layout)
    dropped = {s.number for s in version_states(versions, releases) if s.status is Status.DROPPED}
    need = retention.needed(files, layout, releases, at.now, settings, restated_through)
    found = [
        _table(files, version, layer, entry.path, need, at.cutoff, is_dropped=version in dropped)
        for version in versions.numbers()
        for layer in tables.VERSION_LAYERS
        for entry in files.list(layout.version_schema(version, layer))
        if entry.is_folder
    ]
    waiting = [e for e in files.list(layout.staging) if not e.is_folder and e.modified < at.now - STAGING_DAYS]
    return Plan(tuple(found), tuple(waiting), need)


def carry_out(
    plan: Plan, trino: Trino, files: Files, settings: Settings, say: Callable[[int], None] = lambda _: None
) -> None:
    """Removes what the plan names. ``say`` gets the bytes that have just gone."""
    layout = Layout(settings.warehouse)
    for entry in plan.staging:
        files.delete(entry.path)
        say(entry.size)
    for table in plan.tables:
        for entry in () if table.whole else table.files:
            files.delete(entry.path)
            say(entry.size)
    for version in plan.dropped:
        doomed = [table for table in plan.tables if table.whole and table.gold_version == version]
        with building(settings, version, wait=False) as mine:
            if mine:  # else its builder is about to notice the drop; the next vacuum finds the rest
                removal.remove_tables(trino, files, layout, version, [t.folder for t in doomed], plan.need)
                say(sum(table.bytes for table in doomed))


def _table(
    files: Files,
    version: GoldVersionNumber,
    layer: str,
    folder: str,
    need: Needed,
    cutoff: datetime,
    *,
    is_dropped: bool,
) -> TablePlan:
    """A table that no snapshot names belongs to a build that has not come so far: all of its versions stay."""
    lying = list(table_files.data_files(files, folder))
    if is_dropped and folder not in need.since:
        log = tuple(files.list(f"{folder}/_delta_log"))
        return TablePlan(version, layer, folder, tuple(e for _, e in lying), log, 0, whole=True)
    kept = table_files.kept(files, folder, need.since.get(folder))
    gone = tuple(entry for path, entry in lying if path not in kept and entry.modified < cutoff)
    staying = sum(entry.size for _, entry in lying) - sum(entry.size for entry in gone)
    return TablePlan(version, layer, folder, gone, (), staying)
