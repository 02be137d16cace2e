"""An operator's question: how does a gold version differ from what a release shows?

In: their numbers. Out: the :class:`Difference`, or a refusal that says why there is nothing to compare.
"""

from collections.abc import Callable

from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import Snapshot
from lakehouse.releases.version_status import is_built
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform.backfill.progress import not_built
from lakehouse.transform.diff.common_point import common_point
from lakehouse.transform.diff.model import Difference, Limits
from lakehouse.transform.diff.run import difference


def difference_of(
    settings: Settings,
    trino: Trino,
    version: GoldVersionNumber,
    against: ReleaseNumber | None,
    limits: Limits,
    progress: Callable[[str], None] = lambda _: None,
) -> Difference:
    """Compares the version with a release, or with the current one."""
    files, layout = HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)
    release, left, right = sides_of(files, layout, version, against)
    progress(
        f"comparing gold version {right.gold_version} at snapshot {right.number} with release {release.number} "
        f"(gold version {left.gold_version} at snapshot {left.number})"
    )
    return difference(trino, left, right, limits, release=release.number, progress=progress)


def sides_of(
    files: Files, layout: Layout, version: GoldVersionNumber, against: ReleaseNumber | None
) -> tuple[Published, Snapshot, Snapshot]:
    """The release, and the snapshots of its version and of the one asked about, at one point."""
    log, versions = ReleaseLog(files, layout), Versions(files, layout)
    right = _newest(files, layout, versions, version)
    release = log.chosen(against)
    left = versions.snapshot(release.release.gold_version, release.release.snapshot)
    try:
        return release, *common_point(versions, left, right)
    except RefusedError:
        # A release from before the candidate's time: its version has been fed on, and may stand beside it later.
        newest = versions.latest_snapshot(left.gold_version)
        if newest is None or newest.number == left.number:
            raise
        return release, *common_point(versions, newest, right)


def _newest(files: Files, layout: Layout, versions: Versions, version: GoldVersionNumber) -> Snapshot:
    try:
        versions.get(version)
    except NotFoundError as error:
        raise RefusedError(
            f"there is no gold version {version}; `lakehouse reprocess` prints the one it made"
        ) from error
    if versions.drop_of(version) is not None:
        raise RefusedError(f"gold version {version} has been dropped; `lakehouse reprocess` builds a new one")
    newest = versions.latest_snapshot(version)
    if newest is None or not is_built(newest):
        raise not_built(files, layout, version)
    return newest
