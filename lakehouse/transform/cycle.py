"""The live cycle: new bronze commits become silver and gold, are audited, and are then shown.

In: bronze after the last audited snapshot's cursor, up to a pinned version. Out: a new snapshot of the live gold
version, and a release of it. Keeps promise 2 (written, audited, then released) and the definition frozen. Killed
anywhere, the next run starts from the last audited snapshot again and replaces what was left behind.
"""

from dataclasses import dataclass

from lakehouse.clients.files import Files
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import BronzeCursor, GoldVersion, Snapshot
from lakehouse.settings import Settings
from lakehouse.transform import definition
from lakehouse.transform.building.builder import Builder, Progress
from lakehouse.transform.building.shared_tables import SharedTables
from lakehouse.transform.locks import building
from lakehouse.transform.publishing.publish import publish_snapshot
from lakehouse.verb_plan import VerbPlan


@dataclass(frozen=True)
class Outcome:
    """What a cycle did: the snapshot it made, and the release if readers saw a change."""

    rows: int
    snapshot: Snapshot | None = None
    release: Published | None = None
    held: Published | None = None
    """The current release, where it is held: readers are shown nothing newer."""


class Cycle:
    """Runs cycles of the live gold version, under its lock."""

    def __init__(self, settings: Settings, files: Files) -> None:
        self._settings = settings
        self._builder = Builder(settings, files)
        self._log = ReleaseLog(files, self._builder.layout)

    def run(self, progress: Progress = lambda _: None) -> Outcome:
        """One cycle. Raises :class:`LakehouseError` and leaves readers where they were."""
        while True:
            version = self._live_version()
            with building(self._settings, version.version):
                if self._live_version() == version:  # another may have been promoted while we waited
                    return self._run(version, progress)

    def plan(self) -> VerbPlan:
        """What :meth:`run` would do. Changes nothing, not even the first definition is frozen."""
        current = self._log.current()
        version = self._builder.versions.live(current.release.gold_version if current else None)
        if version is None:
            named = definition.of_project(definition.PROJECT).fingerprint[:12]
            return VerbPlan("transform", (f"definition {named} is frozen, and gold version 1 is built of it",))
        owner = self._owner(version)
        last = self._builder.versions.latest_snapshot(owner.version)
        found = self._builder.new_commits(owner.version, last.bronze if last else BronzeCursor(FIRST_GENERATION, -1))
        rows, is_held = found.rows if found else 0, current is not None and current.release.held
        facts = {"gold_version": version.version, "rows": rows, "held": is_held}
        if found is None:
            return VerbPlan("transform", ("nothing is built: bronze has nothing new",), facts)
        built = f"{rows:,} bronze rows are built into gold version {version.version}, through commit {found.through}"
        shown = "no release: the current one is held" if is_held else "a release, if readers would see a change"
        return VerbPlan("transform", (built, shown), facts)

    def _owner(self, version: GoldVersion) -> GoldVersion:
        """Who takes the step: the version, or whose tables it shares."""
        plan = version.plan
        if plan is None or not plan.shared or plan.base is None:
            return version
        return self._owner(self._builder.versions.get(plan.base.gold_version))

    def _run(self, version: GoldVersion, progress: Progress) -> Outcome:
        rows, made = self._step(version, progress)
        # A former cycle may have died after its snapshot and before its release: the newest one counts, not only ours.
        newest = made or self._builder.versions.latest_snapshot(version.version)
        release = publish_snapshot(self._log, version, newest) if newest is not None else None
        current = self._log.current()
        held = current if current is not None and current.release.held else None
        return Outcome(rows, newest if release else made, release, held)

    def _step(self, version: GoldVersion, progress: Progress) -> tuple[int, Snapshot | None]:
        """One step: how many bronze rows are new, and the snapshot, if there is one.

        Where the version shares tables, their owner takes the step, and it follows.
        """
        plan = version.plan
        if plan is not None and plan.shared and plan.base is not None:
            owner = self._builder.versions.get(plan.base.gold_version)
            with building(self._settings, owner.version):
                rows, _ = self._step(owner, progress)
            return rows, SharedTables(self._builder, version, plan).step(progress)
        last = self._builder.versions.latest_snapshot(version.version)
        cursor = last.bronze if last else BronzeCursor(FIRST_GENERATION, -1)
        found = self._builder.new_commits(version.version, cursor)
        made = self._builder.consume(version, last, found, progress) if found else None
        return found.rows if found and made else 0, made

    def _live_version(self) -> GoldVersion:
        current = self._log.current()
        version = self._builder.versions.live(current.release.gold_version if current else None)
        if version is None:
            frozen = definition.freeze(self._builder.files, self._builder.layout, definition.PROJECT)
            version = self._builder.versions.create(frozen)
        return version
