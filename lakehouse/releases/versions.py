"""Gold versions and their snapshots, as documents on HDFS.

A gold version always belongs to the same definition. Its snapshots are numbered from 1; each is published by a rename
without overwrite, so of two builders of the same number one wins and the other learns it. The first version of a
warehouse has no plan; every other is built by one (``rebuild``), and is no candidate any more once it is dropped.
"""

import msgspec

from lakehouse import instants
from lakehouse.clients.files import Entry, Files, publish
from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, NotFoundError
from lakehouse.releases.documents import decode
from lakehouse.releases.model import Definition, Drop, GoldVersion, Plan, Snapshot, new_nonce


class Versions:
    """Reads and extends the gold versions of a warehouse."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files = files
        self._layout = layout

    def create(self, definition: Definition, plan: Plan | None = None) -> GoldVersion:
        """A new version with the next number. Another creator of the same number makes this one take the next."""
        while True:
            number = GoldVersionNumber(max(self.numbers(), default=0) + 1)
            version = GoldVersion(number, definition, instants.now_micros(), new_nonce(), plan)
            path = self._layout.gold_version_manifest(number)
            try:
                publish(self._files, self._layout.staging, path, msgspec.json.encode(version))
            except AlreadyExistsError:
                continue
            return version

    def numbers(self) -> list[GoldVersionNumber]:
        return sorted(GoldVersionNumber(int(entry.name)) for entry in self._files.list(self._layout.gold_versions))

    def get(self, number: GoldVersionNumber) -> GoldVersion:
        """Raises :class:`NotFoundError`."""
        return decode(self._files.read(self._layout.gold_version_manifest(number)), GoldVersion)

    def all(self) -> list[GoldVersion]:
        """Oldest first; without those whose creator died before their manifest was published."""
        found = []
        for number in self.numbers():
            try:
                found.append(self.get(number))
            except NotFoundError:
                continue
        return found

    def drop_of(self, version: GoldVersionNumber) -> Drop | None:
        """The document by which an operator has dropped it, if one has."""
        try:
            return decode(self._files.read(self._layout.gold_version_drop(version)), Drop)
        except NotFoundError:
            return None

    def add_drop(self, drop: Drop) -> None:
        """Raises :class:`AlreadyExistsError` if it has been dropped before."""
        path = self._layout.gold_version_drop(drop.gold_version)
        publish(self._files, self._layout.staging, path, msgspec.json.encode(drop))

    def snapshot(self, version: GoldVersionNumber, number: SnapshotNumber) -> Snapshot:
        """Raises :class:`NotFoundError`."""
        data = self._files.read(self._layout.snapshot(version, number))
        return msgspec.json.decode(data, type=Snapshot)

    def snapshot_numbers(self, version: GoldVersionNumber) -> list[SnapshotNumber]:
        return sorted(map(_number, self._files.list(self._layout.snapshots(version))))

    def latest_snapshot(self, version: GoldVersionNumber) -> Snapshot | None:
        numbers = self.snapshot_numbers(version)
        return self.snapshot(version, numbers[-1]) if numbers else None

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Raises :class:`AlreadyExistsError` if another builder has published this number."""
        path = self._layout.snapshot(snapshot.gold_version, snapshot.number)
        publish(self._files, self._layout.staging, path, msgspec.json.encode(snapshot))

    def live(self, current: GoldVersionNumber | None) -> GoldVersion | None:
        """The version that cycles publish: the current release's, or before the first release the one without a
        plan."""
        if current is not None:
            return self.get(current)
        return next((version for version in self.all() if version.plan is None), None)


def _number(entry: Entry) -> SnapshotNumber:
    return SnapshotNumber(int(entry.name.partition(".")[0]))
