"""Finds the two snapshots to compare: one of each version, at the same bronze commits.

In: the snapshots that one would like to compare. Out: the newest two, at or before those, that have consumed the same.
Versions that are not current are fed exactly up to commits at which the live version has a snapshot, so there are such
pairs. Where the generations of bronze differ (bronze was made again from raw files), Delta versions mean nothing, and
Kafka's offsets are compared.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from lakehouse.contracts.ids import SnapshotNumber
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.releases.model import Snapshot
from lakehouse.releases.versions import Versions

_UNFINISHED = -2
"""Before any cursor: a state of a version that is being built holds only a part of what its cursor names."""


def common_point(versions: Versions, left: Snapshot, right: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Both are built. Raises :class:`RefusedError`, saying what to do, if they have no audited states in common yet."""
    reach = _commits if left.bronze.generation == right.bronze.generation else _offsets
    one, other = _History(versions, left, reach), _History(versions, right, reach)
    while (a := one.newest) is not None and (b := other.newest) is not None:
        if reach(a) > reach(b):
            one.go_back_to(reach(b))
        elif reach(a) < reach(b):
            other.go_back_to(reach(a))
        elif reach is _commits or _ends(a) == _ends(b):
            return a, b
        else:
            one.go_back_to(reach(a) - 1)
    raise RefusedError(
        f"gold versions {left.gold_version} and {right.gold_version} have no snapshots at the same bronze commits yet; "
        "wait for the next cycle of the transform service, or run `lakehouse transform`, and try again"
    )


class _History:
    """A version's snapshots up to ``newest``. There are thousands, and each is a read: it looks at few."""

    def __init__(self, versions: Versions, newest: Snapshot, reach: Callable[[Snapshot], int]) -> None:
        self._versions = versions
        self._reach = reach
        self._version = newest.gold_version
        self._known = {newest.number: newest}
        self._numbers: list[SnapshotNumber] | None = None
        self.newest: Snapshot | None = newest

    def go_back_to(self, most: int) -> None:
        """Makes ``newest`` the newest snapshot that has come at most as far as ``most``; None if none has."""
        assert self.newest is not None
        if self._numbers is None:
            self._numbers = self._versions.snapshot_numbers(self._version)
        end = bisect_left(self._numbers, self.newest.number)
        place = bisect_right(self._numbers, most, hi=end, key=self._reached)
        found = self._at(self._numbers[place - 1]) if place else None
        self.newest = found if found and found.built_before is None else None

    def _reached(self, number: SnapshotNumber) -> int:
        snapshot = self._at(number)
        return _UNFINISHED if snapshot is None or snapshot.built_before is not None else self._reach(snapshot)

    def _at(self, number: SnapshotNumber) -> Snapshot | None:
        if number not in self._known:
            try:
                self._known[number] = self._versions.snapshot(self._version, number)
            except NotFoundError:
                return None
        return self._known[number]


def _commits(snapshot: Snapshot) -> int:
    return snapshot.bronze.delta_version


def _offsets(snapshot: Snapshot) -> int:
    return sum(_ends(snapshot).values())


def _ends(snapshot: Snapshot) -> dict[tuple[str, int], int]:
    return {
        (topic, partition): consumed.end
        for topic, partitions in snapshot.offsets.items()
        for partition, consumed in partitions.items()
    }
