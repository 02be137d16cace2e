"""Scrubs personal ids from rejected bytes: what goes to quarantine instead of the bytes that were sent.

In: any bytes, JSON or not, torn or whole. Out: the same bytes with every personal id replaced by its hash, as far as a
key and its value can be recognised: also under keys that are spelled with escapes, in JSON that is a text inside of
JSON, and in ``data_base64``. Everything else stays as it was sent. Time is linear in the bytes.
"""

import base64
import json
import re
from collections.abc import Callable

from ingestion.json_split import UnreadableError, end_of_value
from lakehouse.contracts.events import PERSONAL_FIELDS

_BASE64 = "data_base64"
_HINTS = (b"\\u", _BASE64.encode(), *(name.encode() for name in PERSONAL_FIELDS))


def _spelled(*names: str) -> bytes:
    """A pattern for names: each character as it is, or as an escape."""
    return b"|".join(b"".join(rb"(?:%c|\\++u00(?i:%02x))" % (ord(c), ord(c)) for c in name) for name in names)


_KEY = re.compile(
    rb'"(?:(?P<base64>' + _spelled(_BASE64) + b")|" + _spelled(*PERSONAL_FIELDS) + rb")"
    rb'(?P<escape>\\*+)"\s*+:\s*+'
)
"""``escape`` are the backslashes before the quotes of JSON that is a text in JSON; mostly none."""
_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_QUOTE = re.compile(rb'\\++"?|"')
_SCALAR = re.compile(rb'[^,}\]\s"{\[\\]*+')
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]++")
_SHORTEST = 19
"""The base64 of the shortest key with a value."""
_MOST_PIECES = 100
_STANDARD = bytes.maketrans(b"-_", b"+/")

Hash = Callable[[str], str]


def scrub(body: bytes, hashed: Hash) -> bytes:
    """``hashed`` gives the pseudonym of an id."""
    if not any(hint in body for hint in _HINTS):
        return body
    parts: list[bytes] = []
    done = 0
    while (key := _KEY.search(body, done)) is not None:
        end, value = _instead(body, key, hashed)
        parts += (body[done : key.end()], value)
        done = end
    return b"".join((*parts, body[done:]))


def _instead(body: bytes, key: re.Match[bytes], hashed: Hash) -> tuple[int, bytes]:
    """Where the value of a key ends, and what stands there instead."""
    start, quote = key.end(), key["escape"] + b'"'
    is_text = body.startswith(quote, start)
    if is_text:
        end = _end_of_text(body, start + len(quote), len(key["escape"]))
        text = body[start + len(quote) : end]
        end += len(quote) if body.startswith(quote, end) else 0
    else:
        end = _end_of_other(body, start)
        text = body[start:end]
    if key["base64"] is not None:
        return (end, quote + _scrub_base64(text, hashed) + quote) if is_text else (start, b"")
    if not text or (text == b"null" and not is_text):
        return end, body[start:end]
    return end, quote + hashed(_unescaped(text) if is_text else text.decode("utf-8", "replace")).encode() + quote


def _end_of_text(body: bytes, start: int, level: int) -> int:
    """``level`` is the number of backslashes before the quotes of this text."""
    if level == 0:
        return _at_least(_TEXT.match(body, start), start)
    for quote in _QUOTE.finditer(body, start):
        backslashes = len(quote[0]) - quote[0].endswith(b'"')
        if quote[0].endswith(b'"') and _ends(backslashes, level):
            return quote.end() - 1 - min(backslashes, level)
    return len(body)


def _ends(backslashes: int, level: int) -> bool:
    """Whether a quote behind so many backslashes ends a text of this level, or one around it."""
    while level and backslashes % 2:
        backslashes, level = backslashes // 2, level // 2
    return backslashes % 2 == 0


def _end_of_other(body: bytes, start: int) -> int:
    """Numbers, literals, and whole objects and arrays in the place of an id."""
    if body[start : start + 1] not in (b"{", b"["):
        return _at_least(_SCALAR.match(body, start), start)
    try:
        return end_of_value(body, start)
    except UnreadableError:
        return len(body)


def _at_least(match: re.Match[bytes] | None, start: int) -> int:
    return start if match is None else match.end()


def _unescaped(text: bytes) -> str:
    """The id that is meant: the one that is hashed where an event is accepted."""
    try:
        return str(json.loads(b'"' + text + b'"', strict=False))
    except ValueError:
        return text.decode("utf-8", "replace")


def _scrub_base64(text: bytes, hashed: Hash) -> bytes:
    """The same text, or that of the scrubbed content: whatever a lenient reader could make of it."""
    if len(text) < _SHORTEST:
        return text
    letters = _unescaped(text).encode("ascii", "replace").translate(_STANDARD)
    pieces = re.split(b"=++", letters, maxsplit=_MOST_PIECES)
    content = b"".join(_decoded(_NO_BASE64.sub(b"", piece)) for piece in pieces)
    clean = scrub(content, hashed)
    return text if clean == content else base64.b64encode(clean)


def _decoded(letters: bytes) -> bytes:
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))
