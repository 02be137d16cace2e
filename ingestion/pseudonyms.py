"""Keyed hashes in place of customers' and visitors' ids.

In: a merchant and an id. Out: ``p_`` and 32 hex digits, the same for the same merchant and id under one key, unlinkable
between merchants and without the key. A value that has this form already is kept: what comes back in a replay keeps its
hash. Promise: the key follows from an event's ``time``, so that a repeat has the hash of the original.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ingestion.scrub import scrub
from lakehouse.contracts.events import PERSONAL_FIELDS

_PSEUDONYM = re.compile(r"p_[0-9a-f]{32}")
_MAX_REMEMBERED = 50_000
"""A visitor sends several events in a row; the hash costs more than the rest of an event."""
_LONGEST_REMEMBERED = 256
"""Longer ids are hashed each time, so that what is remembered stays small."""


class Pseudonyms:
    """Hashes ids with one key. Pure but for the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._remembered: dict[str, str] = {}

    def of(self, merchant_id: str, value: str) -> str:
        message = f"{merchant_id}\0{value}"
        known = self._remembered.get(message)
        if known is not None:
            return known
        if len(value) == 34 and _PSEUDONYM.fullmatch(value):
            return value
        hashed = "p_" + hmac.digest(self._key, message.encode("utf-8", "replace"), "sha256").hex()[:32]
        if len(value) <= _LONGEST_REMEMBERED:
            self._remember(message, hashed)
        return hashed

    def _remember(self, message: str, hashed: str) -> None:
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered = {}
        self._remembered[message] = hashed

    def scrub(self, merchant_id: str, body: bytes) -> bytes:
        """A refused body with every personal id replaced, whatever it looks like."""
        return scrub(body, lambda value: self.of(merchant_id, value))

    def replace(self, merchant_id: str, value: Any, depth: int = 0) -> bool:
        """Replaces the personal fields of a JSON value in place, at any depth; True if there were any."""
        found = False
        if depth > 200:
            return found
        if isinstance(value, dict):
            for name in PERSONAL_FIELDS:
                if (personal := value.get(name)) is not None:
                    text = personal if isinstance(personal, str) else msgspec.json.encode(personal).decode()
                    value[name] = self.of(merchant_id, text)
                    found = True
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for child in children:
            found = self.replace(merchant_id, child, depth + 1) or found
        return found


class PseudonymsByDay:
    """Those under the keys of all days. Threads may read while :meth:`use` brings other keys."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._newest_first: tuple[tuple[int, Pseudonyms], ...] = ()
        self._under: dict[bytes, Pseudonyms] = {}
        self.use(keys)

    def use(self, keys: Mapping[int, bytes]) -> None:
        """``keys`` by the first instant, in microseconds, of events that each hashes; the first key all before, too."""
        self._under = {key: self._under.get(key) or Pseudonyms(key) for key in keys.values()}
        self._newest_first = tuple((start, self._under[keys[start]]) for start in sorted(keys, reverse=True))

    def at(self, time: int) -> Pseudonyms:
        """Those of an event's ``time``, in microseconds. Runs for each event with a personal id."""
        for start, found in self._newest_first:
            if time >= start:
                return found
        return self._newest_first[-1][1]
