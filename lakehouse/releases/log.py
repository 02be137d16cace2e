"""The release log: an append-only list of what readers see. The highest number is current; there is no pointer.

In: :class:`Release` documents. Out: ``releases/N/manifest.json``, published by a rename without overwrite, and the
current release, or the one at an instant or of a number. Keeps promise 3 (one atomic step, whatever the size) and
the half of promise 4 that says which release answered at an instant.
"""

import time
from dataclasses import dataclass
from datetime import datetime

import msgspec

from lakehouse import instants
from lakehouse.clients.files import Files, clock, publish
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, NotFoundError, RefusedError
from lakehouse.releases.documents import decode
from lakehouse.releases.model import Release


@dataclass(frozen=True)
class Published:
    """A release with the instant of its publication (UTC, whole milliseconds)."""

    release: Release
    released_at: datetime

    @property
    def number(self) -> ReleaseNumber:
        return self.release.release


class ReleaseLog:
    """Reads and extends the log.

    What has been read is kept: a published release never changes. Not safe for use by several threads at once.
    """

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files = files
        self._layout = layout
        self._known: list[Published] = []

    def refresh(self) -> list[Published]:
        """All releases, oldest first."""
        if not self._known:
            self._load_all()
        while (found := self._load(self._next_number())) is not None:
            self._known.append(found)
        return self._known

    def current(self) -> Published | None:
        releases = self.refresh()
        return releases[-1] if releases else None

    def get(self, number: ReleaseNumber) -> Published:
        """Raises :class:`NotFoundError` if no release has that number."""
        releases = self.refresh()
        first = releases[0].number if releases else 1
        if not first <= number < first + len(releases):
            raise NotFoundError(f"release {number} does not exist; see `lakehouse release list`")
        return releases[number - first]

    def chosen(self, number: ReleaseNumber | None) -> Published:
        """The release that an operator names, the current one without a number; :class:`RefusedError` without any."""
        try:
            found = self.current() if number is None else self.get(number)
        except NotFoundError as error:
            raise RefusedError(str(error)) from error
        if found is None:
            raise RefusedError("nothing has been released yet; `lakehouse transform` runs a cycle")
        return found

    def as_known_at(self, instant: datetime) -> Published:
        """The release with the greatest ``released_at`` <= ``instant``; :class:`NotFoundError` before the first."""
        for published in reversed(self.refresh()):
            if published.released_at <= instant:
                return published
        raise NotFoundError(f"nothing had been released at {instants.to_text(instant)}")

    def append(self, release: Release) -> Published:
        """Publishes ``release`` or raises :class:`AlreadyExistsError` if its number is taken."""
        before = self.current()
        if before is not None and release.release != before.number + 1:
            raise AlreadyExistsError(f"release {release.release} is taken; the current one is {before.number}")
        if before is not None:
            self._wait_until_after(before.released_at)
        path = self._layout.release_manifest(release.release)
        publish(self._files, self._layout.staging, path, msgspec.json.encode(release))
        return self.get(release.release)

    def _next_number(self) -> ReleaseNumber:
        return ReleaseNumber(self._known[-1].number + 1 if self._known else 1)

    def _load_all(self) -> None:
        numbers = sorted(ReleaseNumber(int(entry.name)) for entry in self._files.list(self._layout.releases))
        loaded = (self._load(number) for number in numbers)
        self._known = [published for published in loaded if published is not None]

    def _load(self, number: ReleaseNumber) -> Published | None:
        """The release of that number, or None if it has not been published.

        The folder's stamp is read after the manifest: then it is the stamp of the manifest's arrival.
        """
        try:
            release = decode(self._files.read(self._layout.release_manifest(number)), Release)
        except NotFoundError:
            return None
        stamp = self._files.stat(self._layout.release(number)).modified_at
        return Published(release, instants.from_millis(stamp))

    def _wait_until_after(self, instant: datetime) -> None:
        """Waits until the NameNode's clock has passed ``instant``, so that stamps increase strictly."""
        while clock(self._files, self._layout.staging) <= instant:
            time.sleep(0.002)
