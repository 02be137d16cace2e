"""Keeps versions that are not current up to date: candidates until they are promoted or dropped, and former ones for a
while, so that a rollback to them is fresh.

In: a version and the live version's newest snapshot. Out: snapshots that have consumed the same as the live ones, so
that two versions can always be compared at one point. Where the live version reads another bronze generation, the two
generations have commits that end at the same Kafka offsets, for one query writes both (``streaming.kafka_to_bronze``).
"""

from lakehouse.clients import delta_log
from lakehouse.releases.model import GoldVersion, Plan, Snapshot
from lakehouse.transform.building.builder import Builder, Progress
from lakehouse.transform.building.shared_tables import SharedTables
from lakehouse.transform.building.watermark import fold_offsets, reaches
from lakehouse.transform.locks import building


class CatchUp:
    """Uses the builder's user. The caller holds the version's lock."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def step(self, version: GoldVersion, live: Snapshot | None, progress: Progress) -> Snapshot | None:
        """One snapshot nearer to ``live``; None if there is nothing to consume up to it."""
        last = self._builder.versions.latest_snapshot(version.version)
        if last is None:
            return None
        if version.plan is not None and version.plan.shared:
            return self._step_with_base(version, version.plan, live, progress)
        through = self._through(last, live) if live else None
        found = self._builder.new_commits(version.version, last.bronze, through)
        if found is None:
            return None
        # Also where it changes nothing: the live version has a snapshot there, and the two are compared at one point.
        return self._builder.consume(version, last, found, progress, always=through is not None)

    def _through(self, last: Snapshot, live: Snapshot) -> int:
        """The commit at which we have consumed what ``live`` has, or the newest one, if none has got so far yet."""
        if live.bronze.generation == last.bronze.generation:
            return live.bronze.delta_version
        ends, through = last.offsets, last.bronze.delta_version
        bronze = self._builder.layout.bronze(last.bronze.generation)
        for commit in delta_log.commits_since(self._builder.files, bronze, through):
            if reaches(ends, live.offsets):
                break
            if (said := delta_log.bronze_commit(commit)) is not None:
                ends, through = fold_offsets(ends, [said]), commit.version
        return through

    def _step_with_base(
        self, version: GoldVersion, plan: Plan, live: Snapshot | None, progress: Progress
    ) -> Snapshot | None:
        """The base goes first, unless it is there already."""
        assert plan.base is not None, "what shares tables has a base"
        base = self._builder.versions.get(plan.base.gold_version)
        newest = self._builder.versions.latest_snapshot(base.version)
        if newest is not None and (live is None or newest.bronze != live.bronze):
            with building(self._builder.settings, base.version):
                self.run(base, live, progress)
        return SharedTables(self._builder, version, plan).step(progress)

    def run(self, version: GoldVersion, live: Snapshot | None, progress: Progress) -> Snapshot:
        """Steps until nothing is left up to ``live``. Returns the newest snapshot."""
        while self.step(version, live, progress) is not None:
            continue
        newest = self._builder.versions.latest_snapshot(version.version)
        assert newest is not None, "a version is brought up to date once it is built"
        return newest
