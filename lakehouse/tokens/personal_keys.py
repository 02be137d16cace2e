"""The keys with which edges hash customers' and visitors' ids, in the key folder of a host. Each holds for events whose
``time`` lies on its first day (UTC) or later, until the next one's.

In: the folder. Out: the keys by their first days. Promise: no key leaves the folder; what lies there under a key's own
name is listed on HDFS (``key_list``), so that an edge that does not reach HDFS hashes like all others.
"""

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec

from lakehouse.errors import RefusedError
from lakehouse.tokens.keys import KeyFolder, replace_file

FIRST_DAY = date(2000, 1, 1)
"""Of the first key: no event is older."""
_NAME = "personal_ids"

Keys = Mapping[date, bytes]
"""By their first days. One whose file cannot be read, or holds no key, is empty."""


class KnownList(msgspec.Struct, frozen=True):
    """The fingerprints on HDFS by first day, as this host has read them at ``read_at`` (microseconds since 1970)."""

    read_at: int
    fingerprints: dict[date, str]


def fingerprint(key: bytes) -> str:
    """What may be known of a key by everybody."""
    return hashlib.sha256(b"merchant-lakehouse personal ids\0" + key).hexdigest()


class PersonalKeyFolder:
    """The files of one key folder that have to do with these keys."""

    def __init__(self, folder: KeyFolder) -> None:
        self._folder = folder
        self._known = folder.folder / f"{_NAME}.json"

    def path(self, first_day: date) -> Path:
        """What is copied to the hosts of other edges, under the same name."""
        return self._folder.folder / (f"{_NAME}.key" if first_day == FIRST_DAY else f"{_NAME}-{first_day}.key")

    def read(self) -> Keys:
        days = [FIRST_DAY] if self.path(FIRST_DAY).exists() else []
        for path in self._folder.folder.glob(f"{_NAME}-*.key"):
            with suppress(ValueError):  # a file of the operator's own
                days.append(date.fromisoformat(path.stem.removeprefix(f"{_NAME}-")))
        return {day: _key_in(self.path(day)) for day in sorted(days)}

    def ensure_first(self) -> None:
        """Makes the first key if there is none yet. Safe to call from several processes."""
        path = self.path(FIRST_DAY)
        with self._folder.locked():
            if not path.exists():
                _write_key(path)
        if not _key_in(path):
            raise RefusedError(f"{path} cannot be read, or holds no key; copy it from the keys of another edge")

    def make(self, first_day: date) -> bytes:
        """A new key, under a name that no edge reads yet; or the one that was made before."""
        with self._folder.locked():
            if (made := self.made(first_day)) is None:
                _write_key(self._new(first_day))
            return made or _key_in(self._new(first_day))

    def made(self, first_day: date) -> bytes | None:
        """What :meth:`make` would find."""
        found = [path for path in (self.path(first_day), self._new(first_day)) if path.exists()]
        return _key_in(found[0]) if found else None

    def admit(self, first_day: date) -> None:
        """The key is listed: edges may read it."""
        with self._folder.locked():
            if self._new(first_day).exists():
                self._new(first_day).replace(self.path(first_day))

    def discard(self, first_day: date) -> None:
        """Another key is listed."""
        self._new(first_day).unlink(missing_ok=True)

    def known_list(self) -> KnownList | None:
        try:
            return msgspec.json.decode(self._known.read_bytes(), type=KnownList)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def remember(self, known: KnownList) -> None:
        replace_file(self._known, msgspec.json.encode(known), mode=0o644)

    def _new(self, first_day: date) -> Path:
        return self.path(first_day).with_suffix(".new")


def _write_key(path: Path) -> None:
    replace_file(path, secrets.token_hex(32).encode(), mode=0o600)


def _key_in(path: Path) -> bytes:
    try:
        return bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        return b""
