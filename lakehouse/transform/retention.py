"""What must stay readable: for each table's folder, the oldest Delta version that somebody may still ask for.

In: the release log, the gold versions' documents, the settings, the time by the NameNode's clock. Out: :class:`Needed`.
Keeps promise 4's "within the retention":

- A release is retained from its publication until the retention has passed since another took its place; the current
  one always is. Gold is kept from the oldest retained release on: SQL reads ``FOR VERSION AS OF`` what the release
  names, and the API loads that state.
- Silver is rewritten by every merge, so it is kept for a shorter time, ``silver_window``: for queries that a view had
  pinned, and for comparing two versions at an earlier point.
- A version that has not been dropped can be promoted or rolled back to: its newest snapshot stays whole, and so do
  those of the window. So does the snapshot that an unfinished candidate copies from.

Each term is longer by the margin, so that who has just begun to read comes to an end, whatever its clock says.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lakehouse.clients.files import Files
from lakehouse.contracts import tables
from lakehouse.contracts.ids import ReleaseNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.log import Published
from lakehouse.releases.model import Snapshot, TableState
from lakehouse.releases.version_status import Status, VersionState, is_built, version_states
from lakehouse.releases.versions import Versions
from lakehouse.settings import ReleaseSettings


@dataclass
class Needed:
    """``since`` is the oldest Delta version needed, by table folder: from there to the head everything stays.
    ``tables`` are (schema, table) as Trino knows them."""

    since: dict[str, int] = field(default_factory=dict)
    tables: set[tuple[str, str]] = field(default_factory=set)

    def add(self, states: dict[str, TableState], layer: str | None = None) -> None:
        """The tables of a release or snapshot; with ``layer``, only its."""
        for name, state in states.items():
            its_layer, _, table = name.partition(".")
            if layer in (None, its_layer):
                oldest = self.since.get(state.location, state.delta_version)
                self.since[state.location] = min(oldest, state.delta_version)
                self.tables.add((state.schema, table))


def retained(
    releases: list[Published], now: datetime, keep: timedelta, restated_through: ReleaseNumber | None = None
) -> list[Published]:
    """The releases that were current within ``keep`` before ``now``. With ``restated_through``, also that release and
    all after it: restatements compare each with the one before."""
    left = [following.released_at for following in releases[1:]]
    return [
        published
        for place, published in enumerate(releases)
        if place == len(left)
        or left[place] >= now - keep
        or (restated_through is not None and published.number >= restated_through)
    ]


def needed(
    files: Files,
    layout: Layout,
    releases: list[Published],
    now: datetime,
    settings: ReleaseSettings,
    restated_through: ReleaseNumber | None = None,
) -> Needed:
    """``releases``: the whole log, oldest first."""
    found, margin = Needed(), settings.vacuum_margin
    for published in retained(releases, now, settings.retention + margin, restated_through):
        found.add(published.release.tables, tables.GOLD_SCHEMA)
    window = settings.silver_window + margin
    for published in retained(releases, now, window):
        found.add(published.release.tables)
    versions = Versions(files, layout)
    for state in version_states(versions, releases):
        if state.status is not Status.DROPPED:
            for snapshot in _snapshots(files, layout, versions, state, now - window):
                found.add(snapshot.tables)
    return found


def _snapshots(
    files: Files, layout: Layout, versions: Versions, state: VersionState, since: datetime
) -> list[Snapshot]:
    """The ends of what is needed of a version: Delta versions only grow from one snapshot to the next."""
    found = [state.newest] if state.newest is not None else []
    base = state.version.plan.base if state.version.plan is not None else None
    if base is not None and not is_built(state.newest):
        found.append(versions.snapshot(base.gold_version, base.snapshot))
    published = {
        SnapshotNumber(int(e.name.partition(".")[0])): e.modified for e in files.list(layout.snapshots(state.number))
    }
    recent = [number for number, at in published.items() if at >= since]
    if recent:
        # The one before the first was the newest until then. What shares tables does not begin with 1.
        before = max((number for number in published if number < min(recent)), default=min(recent))
        found.append(versions.snapshot(state.number, before))
    return found
