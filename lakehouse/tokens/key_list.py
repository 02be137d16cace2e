"""The list of the keys that hash personal ids, on HDFS: fingerprints, by the UTC day of events from which each holds.

In: HDFS, and the keys of a host. Out: the list, and what the host lacks of it. Promise: which key hashes an event
follows from its ``time`` alone, whatever the clock says and whichever edge reads it: a key is listed so long before its
first day that no edge can have accepted an event of that day, and an entry never changes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import msgspec

from lakehouse.clients.files import Files, clock, publish
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, NotFoundError, RefusedError
from lakehouse.tokens.personal_keys import FIRST_DAY, Keys, PersonalKeyFolder, fingerprint

LEAD = timedelta(hours=48)
"""A key is listed at least so long before its first day begins, by the NameNode's clock."""
KNOWN_AHEAD = LEAD - timedelta(hours=1)
"""So far beyond the instant at which it has read the list, an edge knows all keys; an hour less for clocks that differ.
"""
_MARGIN = timedelta(minutes=10)
"""A request that was let in is read some seconds later."""
_ENTRY = re.compile(r"(\d{4}-\d\d-\d\d)\.json")


class ListedKey(msgspec.Struct, frozen=True):
    """An entry. That of the first key has no ``actor``: an edge has made it."""

    fingerprint: str
    actor: str | None = None
    reason: str | None = None


Listed = Mapping[date, ListedKey]


@dataclass(frozen=True)
class Lack:
    """What is wrong with the key of a day, in a sentence. From ``needed_from`` on an edge cannot do without it."""

    first_day: date
    needed_from: datetime
    message: str


def start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def needed_from(first_day: date, max_future: timedelta) -> datetime:
    """When an edge that takes events so far ahead of its clock may soon meet one that the key hashes."""
    return start_of(first_day) - max_future - _MARGIN


def lacking(folder: PersonalKeyFolder, keys: Keys, listed: Mapping[date, str], max_future: timedelta) -> list[Lack]:
    """By first day. ``listed`` are fingerprints; ``keys`` what ``folder`` holds. What is not listed is passed over."""
    return [
        Lack(day, needed_from(day, max_future), message)
        for day, wanted in sorted(listed.items())
        if (message := _wrong(folder.path(day), day, keys.get(day), wanted)) is not None
    ]


def _wrong(path: Path, day: date, key: bytes | None, wanted: str) -> str | None:
    since = "" if day == FIRST_DAY else f" of events from {day} (UTC) on"
    if key is None:
        return f"{path} is missing: the key that hashes personal ids{since}. Copy it from the keys of another edge"
    if not key:
        return f"{path} cannot be read, or holds no key. Copy it from the keys of another edge"
    if fingerprint(key) != wanted:
        return (
            f"this edge hashes personal ids{since} with another key than the warehouse's, so that the same event would "
            f"be counted twice. Copy `{path.name}` to {path.parent} from the keys of another edge"
        )
    return None


class KeyList:
    """Of one warehouse."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files = files
        self._layout = layout
        self._known: dict[date, ListedKey] = {}

    def read(self) -> Listed:
        """An entry is read once; whether there are more is one look."""
        found = {day: self._known.get(day) or self._entry(day) for day in self._days()}
        first = self._known.get(FIRST_DAY) or self._first()
        self._known = found if first is None else {FIRST_DAY: first} | found
        return dict(sorted(self._known.items()))

    def establish(self, key: bytes) -> None:
        """The first key of a warehouse that has none."""
        try:
            publish(self._files, self._layout.staging, self._layout.personal_key, fingerprint(key).encode())
        except AlreadyExistsError:
            return

    def add(self, first_day: date, listed: ListedKey) -> None:
        """Raises RefusedError if that day has another key."""
        path = self._layout.rotated_key(first_day)
        try:
            publish(self._files, self._layout.staging, path, msgspec.json.encode(listed))
        except AlreadyExistsError as error:
            if self._entry(first_day).fingerprint != listed.fingerprint:
                raise RefusedError(f"another host has just made the key of {first_day}; copy it from there") from error

    def now(self) -> datetime:
        """What time it is for everybody who lists keys."""
        return clock(self._files, self._layout.staging)

    def _days(self) -> Iterator[date]:
        for entry in self._files.list(self._layout.personal_keys):
            if name := _ENTRY.fullmatch(entry.name):
                yield date.fromisoformat(name[1])

    def _entry(self, day: date) -> ListedKey:
        return msgspec.json.decode(self._files.read(self._layout.rotated_key(day)), type=ListedKey)

    def _first(self) -> ListedKey | None:
        try:
            return ListedKey(self._files.read(self._layout.personal_key).decode())
        except NotFoundError:
            return None
