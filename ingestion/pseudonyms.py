"""Keyed hashes in place of customers' and visitors' ids.

In: a merchant and an id. Out: ``p_`` and 32 hex digits, the same for the same merchant and id, unlinkable between
merchants and without the key. A value that has this form already is kept: what comes back in a replay keeps its hash.
"""

import hmac
import re
from typing import Any

import msgspec

from lakehouse.contracts.events import PERSONAL_FIELDS

_PSEUDONYM = re.compile(r"p_[0-9a-f]{32}")
_MAX_REMEMBERED = 50_000
"""A visitor sends several events in a row; the hash costs more than the rest of an event."""
_IN_BYTES = re.compile(
    rb'"(?P<name>' + b"|".join(name.encode() for name in PERSONAL_FIELDS) + rb')"(?P<colon>\s*:\s*)'
    rb'(?:"(?P<text>(?:[^"\\]++|\\.)*+)"?|(?P<other>[^,}\]\s"{\[]+))',
    re.DOTALL,
)


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
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered = {}
        self._remembered[message] = hashed
        return hashed

    def scrub(self, merchant_id: str, body: bytes) -> bytes:
        """A refused body with every personal id replaced, whatever it looks like.

        A body that is JSON is rewritten where a key is spelled with escapes; everything else is replaced in place,
        also in bytes that are no JSON, as far as a key and its value can be recognised.
        """
        if b"\\u" in body:
            body = self._scrub_json(merchant_id, body)

        def replace(match: re.Match[bytes]) -> bytes:
            value = match["other"] if match["text"] is None else match["text"]
            hashed = self.of(merchant_id, value.decode("utf-8", "replace")).encode()
            return b'"' + match["name"] + b'"' + match["colon"] + b'"' + hashed + b'"'

        return _IN_BYTES.sub(replace, body)

    def _scrub_json(self, merchant_id: str, body: bytes) -> bytes:
        """Personal ids under keys that are spelled with escapes; duplicates of a key are lost in this rare case."""
        try:
            value = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return body
        return msgspec.json.encode(value) if self.replace(merchant_id, value) else body

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
