"""Publishes snapshots as releases: by a cycle, if readers should see a change; by an operator's request.

A cycle's release is published only when data changed or ``complete_through`` moved a step, and only while the release
that it follows names the same gold version and is not held: a live cycle can never undo what an operator did. Of two
operators one wins; the other is refused.
"""

from collections.abc import Sequence
from importlib.metadata import version as package_version

from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.metrics import CATALOGUE_VERSION
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import AlreadyExistsError, RefusedError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import AcceptedUnproved, GoldVersion, Release, ReleaseKind, Snapshot, new_nonce


def publish_snapshot(log: ReleaseLog, version: GoldVersion, snapshot: Snapshot) -> Published | None:
    """The new release, or None if readers would see nothing new or have been given another version."""
    while True:
        parent = log.current()
        if parent is not None and not _may_follow(parent.release, snapshot):
            return None
        try:
            return log.append(following(parent, version, snapshot, ReleaseKind.CYCLE))
        except AlreadyExistsError:
            continue  # Another publisher was first: look at what it has published, and follow that.


def following(
    parent: Published | None,
    version: GoldVersion,
    snapshot: Snapshot,
    kind: ReleaseKind,
    *,
    actor: str = TRANSFORM_USER,
    reason: str | None = None,
    held: bool = False,
    operation: str | None = None,
    unproved: Sequence[AcceptedUnproved] = (),
) -> Release:
    """The document of a release of ``snapshot`` after ``parent``, to be appended."""
    return Release(
        release=ReleaseNumber(parent.number + 1 if parent else 1),
        parent=parent.number if parent else None,
        kind=kind,
        actor=actor,
        snapshot=snapshot.number,
        gold_version=version.version,
        definition=version.definition,
        bronze=snapshot.bronze,
        tables=snapshot.tables,
        complete_through=snapshot.complete_through,
        catalogue=CATALOGUE_VERSION,
        tzdata=tzdata_version(),
        nonce=new_nonce(),
        reason=reason,
        held=held,
        operation=operation,
        set_aside=snapshot.set_aside,
        unproved=list(unproved),
    )


def refuse_after_another_operator(log: ReleaseLog, seen: Published) -> Published:
    """The current release, unless an operator has published one after ``seen``: neither operator knew of the
    other's."""
    current = log.current() or seen
    for number in range(seen.number + 1, current.number + 1):
        release = log.get(ReleaseNumber(number)).release
        if release.kind != ReleaseKind.CYCLE:
            raise RefusedError(
                f"release {number} ({release.kind} of gold version {release.gold_version} by {release.actor}) was "
                "published meanwhile; look at `lakehouse release list`, then decide again"
            )
    return current


def _may_follow(parent: Release, snapshot: Snapshot) -> bool:
    if parent.gold_version != snapshot.gold_version or parent.held:
        return False
    return (parent.tables, parent.complete_through) != (snapshot.tables, snapshot.complete_through)


def tzdata_version() -> str:
    """The edition of the time zone database, in its own naming: ``2026b``."""
    year, _, number = package_version("tzdata").partition(".")
    return f"{year}{chr(ord('a') + int(number.partition('.')[0]) - 1)}"
