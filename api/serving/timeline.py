"""The releases that readers may see, in order, and which of them a question means.

In: the release log, of which the first ``count`` are visible. Out: releases by number or instant, or 404, 400, 410.
Pure: the caller says what time it is.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.http.problems import BadParameterError, Kind, ProblemError
from lakehouse.releases.log import Published


@dataclass(frozen=True)
class Pointer:
    """Which release: the current one, that of a number, that of an instant, or (``problem``) nobody knows."""

    release: ReleaseNumber | None = None
    instant: datetime | None = None
    problem: ProblemError | None = None


@dataclass(frozen=True)
class Timeline:
    """``releases`` may grow at its end while it is read (the log appends); what is beyond ``count`` is not seen."""

    releases: Sequence[Published] = ()
    count: int = 0

    @property
    def newest(self) -> Published:
        """Raises 404 before the first release."""
        if self.count == 0:
            raise no_release_yet()
        return self.releases[self.count - 1]

    def numbered(self, number: ReleaseNumber) -> Published:
        place = number - self._first
        if not 0 <= place < self.count:
            raise ProblemError(Kind.NOT_FOUND, f"there is no release {number}; see /v1/releases")
        return self.releases[place]

    def as_known_at(self, instant: datetime) -> Published:
        """The release with the greatest ``released_at`` <= ``instant``."""
        place = bisect_right(self.releases, instant, 0, self.count, key=lambda one: one.released_at)
        if place == 0:
            raise no_release_yet()
        return self.releases[place - 1]

    def check_past(self, instant: datetime, now: datetime) -> None:
        """Raises 400 for the future. A release is never in it, though another clock stamped it."""
        if instant > max(now, self.newest.released_at):
            raise BadParameterError("as_known_at", "lies in the future")

    def check_kept(self, published: Published, retention: timedelta, now: datetime) -> None:
        """Raises 410."""
        if not self._is_kept(published, retention, now):
            raise ProblemError(
                Kind.BEYOND_RETENTION, f"releases are kept for {retention.total_seconds() / 86_400:g} days"
            )

    def fullest(self, retention: timedelta, now: datetime) -> dict[GoldVersionNumber, Published]:
        """By gold version, the release that shows its newest snapshot; only of versions that have a release within
        retention. All states of a version from its oldest kept release on stay readable (``releases/retention``), this
        one too, though it may not be kept itself (after ``rollback --exact``)."""
        seen = self.releases[: self.count]
        last = {one.release.gold_version: one for one in seen}
        kept = {version for version, one in last.items() if self._is_kept(one, retention, now)}
        by_snapshot = sorted(seen, key=lambda one: one.release.snapshot)
        return {version: one for one in by_snapshot if (version := one.release.gold_version) in kept}

    def newest_first(self, limit: int, before: ReleaseNumber | None) -> list[Published]:
        end = self.count if before is None else max(0, min(self.count, before - self._first))
        return list(reversed(self.releases[max(0, end - limit) : end]))

    def through(self, published: Published) -> Sequence[Published]:
        """The releases up to and with one, oldest first."""
        return self.releases[: published.number - self._first + 1]

    def _is_kept(self, published: Published, retention: timedelta, now: datetime) -> bool:
        """A release is kept for the retention from the instant at which another took its place."""
        place = published.number - self._first + 1
        return place >= self.count or self.releases[place].released_at >= now - retention

    @property
    def _first(self) -> int:
        return self.releases[0].number if self.releases else 1


def no_release_yet() -> ProblemError:
    return ProblemError(Kind.NO_RELEASE, "nothing had been released then; see /v1/releases")
