"""Gold versions and their snapshots, as documents on HDFS.

A gold version belongs to one definition for ever. Its snapshots are numbered from 1; each is published by a rename
without overwrite, so of two builders of the same number one wins and the other learns it.
"""

import time

import msgspec

from lakehouse.clients.files import Entry, Files, publish
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError
from lakehouse.releases.model import Definition, GoldVersion, Snapshot, new_nonce


class Versions:
    """Reads and extends the gold versions of a warehouse."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files = files
        self._layout = layout

    def create(self, definition: Definition) -> GoldVersion:
        """A new version with the next number. Another creator of the same number makes this one take the next."""
        number = max(self.numbers(), default=0) + 1
        version = GoldVersion(number, definition, time.time_ns() // 1000, new_nonce())
        path = self._layout.gold_version_manifest(number)
        publish(self._files, self._layout.staging, path, msgspec.json.encode(version))
        return version

    def numbers(self) -> list[int]:
        return sorted(int(entry.name) for entry in self._files.list(self._layout.gold_versions))

    def get(self, number: int) -> GoldVersion:
        """Raises :class:`NotFoundError`."""
        data = self._files.read(self._layout.gold_version_manifest(number))
        return msgspec.json.decode(data, type=GoldVersion)

    def snapshot(self, version: int, number: int) -> Snapshot:
        """Raises :class:`NotFoundError`."""
        data = self._files.read(self._layout.snapshot(version, number))
        return msgspec.json.decode(data, type=Snapshot)

    def latest_snapshot(self, version: int) -> Snapshot | None:
        entries = self._files.list(self._layout.snapshots(version))
        number = max(map(_number, entries), default=None)
        return None if number is None else self.snapshot(version, number)

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Raises :class:`AlreadyExistsError` if another builder has published this number."""
        path = self._layout.snapshot(snapshot.gold_version, snapshot.number)
        publish(self._files, self._layout.staging, path, msgspec.json.encode(snapshot))

    def live(self, current: int | None) -> GoldVersion | None:
        """The version that is fed: the current release's, or before the first release the newest."""
        if current is not None:
            return self.get(current)
        numbers = self.numbers()
        try:
            return self.get(numbers[-1]) if numbers else None
        except NotFoundError:
            return None


def _number(entry: Entry) -> int:
    return int(entry.name.partition(".")[0])
