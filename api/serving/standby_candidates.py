"""Standby candidates: the gold versions that a promote or a rollback may make current next.

In: the documents of gold versions and their snapshots, and how long each version was current. Out: the likeliest
versions, each with its newest audited snapshot, and the versions that have been dropped. Blocks.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from lakehouse.clients.files import Files
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError
from lakehouse.releases.model import Snapshot, number_after
from lakehouse.releases.version_status import is_built
from lakehouse.releases.versions import Versions


class StandbyCandidates:
    """What has been read is kept: documents are written once. Call ``built`` from one thread, the rest from any."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files = files
        self._layout = layout
        self._versions = Versions(files, layout)
        self._newest: dict[GoldVersionNumber, Snapshot] = {}
        self.dropped: frozenset[GoldVersionNumber] = frozenset()

    def built(self, current: GoldVersionNumber) -> dict[GoldVersionNumber, Snapshot]:
        """The newest snapshots of the versions that could take the place of the current one."""
        found: dict[GoldVersionNumber, Snapshot] = {}
        for number in self._versions.numbers():
            if number == current or self.is_dropped(number):
                continue
            snapshot = self._newest_snapshot(number)
            if snapshot is not None and is_built(snapshot):
                found[number] = snapshot
        return found

    def is_dropped(self, version: GoldVersionNumber) -> bool:
        if version not in self.dropped and self._exists(self._layout.gold_version_drop(version)):
            self.dropped |= {version}
        return version in self.dropped

    def tables_of_dropped(self) -> set[str]:
        """Folders that were read for versions that are needed no more."""
        return {
            state.location
            for version in self.dropped & self._newest.keys()
            for state in self._newest[version].tables.values()
        }

    def _exists(self, path: str) -> bool:
        try:
            self._files.stat(path)
        except NotFoundError:
            return False
        return True

    def _newest_snapshot(self, version: GoldVersionNumber) -> Snapshot | None:
        """Numbers have no gaps, so after the first look it is enough to look for the next number."""
        newest = self._newest.get(version) or self._versions.latest_snapshot(version)
        while newest is not None:
            self._newest[version] = newest
            try:
                newest = self._versions.snapshot(version, number_after(newest))
            except NotFoundError:
                break
        return self._newest.get(version)


def likeliest(
    built: Iterable[GoldVersionNumber],
    until: Mapping[GoldVersionNumber, datetime],
    previous: GoldVersionNumber | None,
    kept_since: datetime,
    limit: int,
) -> list[GoldVersionNumber]:
    """Versions in the order in which they are worth having ready.

    ``until`` says when a version ceased to be current. First the one that a rollback goes to (``previous``), then
    candidates (never current), newest first, then those that were current last, if not before ``kept_since``.
    """
    candidates = sorted((version for version in built if version not in until), reverse=True)
    former = sorted((v for v in built if v in until and until[v] >= kept_since), key=lambda v: until[v], reverse=True)
    first = [version for version in former if version == previous]
    return [*first, *candidates, *(version for version in former if version != previous)][:limit]
