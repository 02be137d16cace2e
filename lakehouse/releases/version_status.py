"""What each gold version is at the moment, and which of them are brought up to date.

In: the release log, the versions' documents, the time. Out: a :class:`VersionState` for each version. Pure, but for
reading.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.releases.log import Published
from lakehouse.releases.model import GoldVersion, Snapshot
from lakehouse.releases.versions import Versions


class Status(StrEnum):
    CURRENT = "current"
    """The version that cycles publish, also before its first release."""
    BUILDING = "building"
    """A candidate that cannot be promoted yet."""
    CANDIDATE = "candidate"
    FORMER = "former"
    """Readers were shown it, and may be again."""
    DROPPED = "dropped"


@dataclass(frozen=True)
class VersionState:
    """A version with its status and its newest snapshot. ``left_at`` is when another version took its place, if it ever
    was current."""

    version: GoldVersion
    status: Status
    newest: Snapshot | None
    left_at: datetime | None = None

    @property
    def number(self) -> GoldVersionNumber:
        return self.version.version


def version_states(versions: Versions, releases: list[Published]) -> list[VersionState]:
    """All gold versions, oldest first."""
    left = _left(releases)
    current = releases[-1].release.gold_version if releases else None
    return [_version_state(versions, version, current, left) for version in versions.all()]


def is_kept_current(state: VersionState, now: datetime, feed_former: timedelta) -> bool:
    """Whether the transform brings it up to date, besides the current version."""
    if state.status is Status.FORMER:
        return state.left_at is not None and now - state.left_at < feed_former
    return state.status is Status.CANDIDATE


def is_built(snapshot: Snapshot | None) -> bool:
    """Whether all of its plan's slices are in."""
    return snapshot is not None and snapshot.built_before is None


def _version_state(
    versions: Versions, version: GoldVersion, current: GoldVersionNumber | None, left: dict[GoldVersionNumber, datetime]
) -> VersionState:
    newest = versions.latest_snapshot(version.version)
    if version.version == current or (current is None and version.plan is None):
        return VersionState(version, Status.CURRENT, newest)
    if versions.drop_of(version.version) is not None:
        return VersionState(version, Status.DROPPED, newest, left.get(version.version))
    if version.version in left:
        return VersionState(version, Status.FORMER, newest, left[version.version])
    return VersionState(version, Status.CANDIDATE if is_built(newest) else Status.BUILDING, newest)


def _left(releases: list[Published]) -> dict[GoldVersionNumber, datetime]:
    """When each version that was current stopped being so, last."""
    found: dict[GoldVersionNumber, datetime] = {}
    for one, following in pairwise(releases):
        if one.release.gold_version != following.release.gold_version:
            found[one.release.gold_version] = following.released_at
    return found
