"""What each gold version is at the moment, and which of them are brought up to date.

In: the release log, the versions' documents, the time. Out: a :class:`Standing` for each version. Pure, but for
reading.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from lakehouse.releases.log import Published
from lakehouse.releases.model import GoldVersion, Snapshot
from lakehouse.releases.versions import Versions


class Standing(StrEnum):
    CURRENT = "current"
    """The version that cycles publish, also before its first release."""
    BUILDING = "building"
    """A candidate that cannot be promoted yet."""
    CANDIDATE = "candidate"
    FORMER = "former"
    """Readers were shown it, and may be again."""
    DROPPED = "dropped"


@dataclass(frozen=True)
class Stand:
    """A version with its newest snapshot. ``left_at`` is when another version took its place, if it ever was
    current."""

    version: GoldVersion
    standing: Standing
    newest: Snapshot | None
    left_at: datetime | None = None

    @property
    def number(self) -> int:
        return self.version.version


def stands(versions: Versions, releases: list[Published]) -> list[Stand]:
    """All gold versions, oldest first."""
    left = _left(releases)
    current = releases[-1].release.gold_version if releases else None
    return [_stand(versions, version, current, left) for version in versions.all()]


def is_fed(stand: Stand, now: datetime, feed_former: timedelta) -> bool:
    """Whether the transform brings it up to date, besides the current version."""
    if stand.standing is Standing.FORMER:
        return stand.left_at is not None and now - stand.left_at < feed_former
    return stand.standing is Standing.CANDIDATE


def is_built(snapshot: Snapshot | None) -> bool:
    """Whether all of its plan's slices are in."""
    return snapshot is not None and snapshot.built_before is None


def _stand(versions: Versions, version: GoldVersion, current: int | None, left: dict[int, datetime]) -> Stand:
    newest = versions.latest_snapshot(version.version)
    if version.version == current or (current is None and version.plan is None):
        return Stand(version, Standing.CURRENT, newest)
    if versions.drop_of(version.version) is not None:
        return Stand(version, Standing.DROPPED, newest, left.get(version.version))
    if version.version in left:
        return Stand(version, Standing.FORMER, newest, left[version.version])
    return Stand(version, Standing.CANDIDATE if is_built(newest) else Standing.BUILDING, newest)


def _left(releases: list[Published]) -> dict[int, datetime]:
    """When each version that was current stopped being so, last."""
    found: dict[int, datetime] = {}
    for one, following in pairwise(releases):
        if one.release.gold_version != following.release.gold_version:
            found[one.release.gold_version] = following.released_at
    return found
