"""Brings a version forward that shares tables with the one that it was built beside: its *base*.

In: the base's snapshots after our newest. Out: a snapshot of the same number and the same bronze commits, in which the
shared tables are the base's own states and ours are built from them. So ``snapshot`` counts alike in all tables, and a
version never shows one part newer than another.
"""

from lakehouse.contracts import tables
from lakehouse.contracts.ids import SnapshotNumber
from lakehouse.releases.model import GoldVersion, Plan, Snapshot, TableState, new_nonce
from lakehouse.transform.building.build import Build
from lakehouse.transform.building.builder import Builder, Progress

PARTLY = 0
"""``built_before`` of a snapshot that holds a part of the base's history only."""


class SharedTables:
    """One version that shares tables. The caller holds its lock."""

    def __init__(self, builder: Builder, version: GoldVersion, plan: Plan) -> None:
        assert plan.base is not None, "what shares tables has a base"
        self._builder = builder
        self._version = version
        self._plan = plan
        self._base = plan.base

    def step(self, progress: Progress, *, until: SnapshotNumber | None = None) -> Snapshot | None:
        """Up to the base's newest snapshot, or its snapshot ``until``; None if we are there."""
        versions = self._builder.versions
        last = versions.latest_snapshot(self._version.version)
        newest = until or versions.snapshot_numbers(self._base.gold_version)[-1]
        if last is not None and last.number >= newest:
            return None
        target = versions.snapshot(self._base.gold_version, newest)
        return self.reach(last, target, progress)

    def reach(
        self, last: Snapshot | None, target: Snapshot, progress: Progress, number: SnapshotNumber | None = None
    ) -> Snapshot:
        """The snapshot of our version at ``target`` of the base, or at a part of it: its rows up to ``number``."""
        number = number or target.number
        shared = {name: state for name, state in target.tables.items() if name in self._plan.shared}
        own, queries = self._build(last, number, target, shared, progress)
        return self._builder.publish(
            Snapshot(
                gold_version=self._version.version,
                number=number,
                bronze=target.bronze,
                tables=shared | own,
                marks=target.marks,
                offsets=target.offsets,
                complete_through=target.complete_through,
                changed=last is None or shared | own != last.tables,
                query_ids=queries,
                nonce=new_nonce(),
                built_before=None if number == target.number else PARTLY,
                set_aside=target.set_aside,
            )
        )

    def parts(self, last: Snapshot | None, target: Snapshot, most: int) -> list[tuple[SnapshotNumber, int]]:
        """The base's history in parts of about ``most`` rows: (last snapshot number of the part, rows)."""
        events = target.tables.get(f"{tables.SILVER_SCHEMA}.{tables.SILVER_EVENTS}")
        if events is None or not self._is_own_model_left(target):
            return [(target.number, 0)]
        rows = self._builder.trino.query(
            f"SELECT snapshot, count(*) AS n FROM {events.pinned(tables.SILVER_EVENTS)} "
            f"WHERE snapshot > {last.number if last else 0} GROUP BY 1 ORDER BY 1"
        )
        found: list[tuple[SnapshotNumber, int]] = []
        for row in rows:
            number, count = SnapshotNumber(int(row["snapshot"])), int(row["n"])
            if found and found[-1][1] + count <= most:
                found[-1] = (number, found[-1][1] + count)
            else:
                found.append((number, count))
        return [*found[:-1], (target.number, found[-1][1] if found else 0)]

    def _is_own_model_left(self, target: Snapshot) -> bool:
        return bool(set(target.tables) - set(self._plan.shared))

    def _build(
        self,
        last: Snapshot | None,
        number: SnapshotNumber,
        target: Snapshot,
        shared: dict[str, TableState],
        progress: Progress,
    ) -> tuple[dict[str, TableState], list[str]]:
        if not self._is_own_model_left(target):
            return {}, []
        progress(f"building snapshot {number} of gold version {self._version.version} beside {target.gold_version}")
        built = self._builder.build(
            self._version,
            last,
            Build(
                gold_version=self._version.version,
                snapshot=number,
                generation=target.bronze.generation,
                from_version=-1,
                to_version=target.bronze.delta_version,
                order_repeat_days=self._builder.settings.transform.order_repeat_days,
                previous_snapshot=last.number if last else 0,
                shared={name.partition(".")[2]: state.pinned(name) for name, state in shared.items()},
                user=self._builder.user,
            ),
        )
        return built.tables, built.query_ids
