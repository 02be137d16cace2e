"""Publishes a snapshot as a release, if readers should see it.

A release is published only when data changed or ``complete_through`` moved a step, and only while the release that it
follows names the same gold version: a live cycle can never undo a promote.
"""

from importlib.metadata import version as package_version

from lakehouse.contracts.metrics import CATALOGUE_VERSION
from lakehouse.errors import AlreadyExistsError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import GoldVersion, Release, Snapshot, new_nonce

CYCLE_REASON = "cycle"
FIRST_REASON = "first"
TRANSFORM = "transform"
"""The actor of releases that no operator asked for."""


def publish_snapshot(log: ReleaseLog, version: GoldVersion, snapshot: Snapshot) -> Published | None:
    """The new release, or None if another gold version is current by now."""
    while True:
        parent = log.current()
        if parent is not None and parent.release.gold_version != version.version:
            return None
        try:
            return log.append(_follow(parent, version, snapshot))
        except AlreadyExistsError:
            continue  # Another publisher was first: look at what it has published, and follow that.


def _follow(parent: Published | None, version: GoldVersion, snapshot: Snapshot) -> Release:
    return Release(
        release=parent.number + 1 if parent else 1,
        parent=parent.number if parent else None,
        reason=CYCLE_REASON if parent else FIRST_REASON,
        actor=TRANSFORM,
        snapshot=snapshot.number,
        gold_version=version.version,
        definition=version.definition,
        bronze=snapshot.bronze,
        tables=snapshot.tables,
        complete_through=snapshot.complete_through,
        catalogue=CATALOGUE_VERSION,
        tzdata=tzdata_version(),
        nonce=new_nonce(),
    )


def tzdata_version() -> str:
    """The edition of the time zone database, in its own naming: ``2026b``."""
    year, _, number = package_version("tzdata").partition(".")
    return f"{year}{chr(ord('a') + int(number.partition('.')[0]) - 1)}"
