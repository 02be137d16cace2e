"""What ``Content-Type`` and ``Content-Encoding`` say of a body: how it carries its events, and how to decompress it.

In: headers and bytes. Out: a :class:`ContentMode`, and the decompressed body; or the problem 415, 413 or 400.
"""

from enum import Enum

from ingestion import compression
from ingestion.event_data import is_json, is_utf8
from lakehouse.http.problems import Kind, ProblemError

BATCH_TYPE = "application/cloudevents-batch+json"
EVENT_TYPE = "application/cloudevents+json"
ACCEPT = f"{BATCH_TYPE}, {EVENT_TYPE}, application/json, text/plain"


class ContentMode(Enum):
    """How a request carries its events."""

    BATCH = "batch"
    SINGLE = "single"
    BINARY = "binary"
    BEACON = "beacon"


def content_mode(content_type: str | None, has_specversion: bool) -> ContentMode:
    """The mode of a request by its Content-Type and whether it has a header ``ce-specversion``."""
    if content_type is None:
        if has_specversion:
            return ContentMode.BINARY
        raise _unsupported("there is no Content-Type")
    essence, _, parameters = content_type.partition(";")
    essence = essence.strip().lower()
    if not is_utf8(parameters):
        raise _unsupported("the charset must be utf-8")
    if essence == BATCH_TYPE:
        return ContentMode.BATCH
    if essence == EVENT_TYPE:
        return ContentMode.SINGLE
    if has_specversion and is_json(content_type):
        return ContentMode.BINARY
    if essence == "text/plain" and not has_specversion:
        return ContentMode.BEACON
    raise _unsupported(f"Content-Type {content_type[:100]!r} is none of {ACCEPT} (application/json with ce- headers)")


def decompress(body: bytes, encoding: str | None, limit: int) -> bytes:
    """The body without its Content-Encoding, of at most ``limit`` bytes."""
    coding = (encoding or "identity").strip().lower()
    if coding == "identity":
        plain = body
    elif coding in ("gzip", "x-gzip"):
        plain = _whole(compression.gunzip(body, limit), "gzip")
    elif coding == "zstd":
        plain = _whole(compression.unzstd(body, limit), "zstd")
    else:
        detail = f"Content-Encoding {coding[:100]!r} is not one of gzip and zstd"
        raise ProblemError(Kind.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "gzip, zstd"})
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def too_large(limit: int) -> ProblemError:
    return ProblemError(Kind.TOO_LARGE, f"a body has at most {limit} bytes, before and after decompression")


def _whole(plain: bytes | None, coding: str) -> bytes:
    if plain is None:
        raise ProblemError(Kind.UNREADABLE_BODY, f"the body is not whole and valid {coding}")
    return plain


def _unsupported(detail: str) -> ProblemError:
    return ProblemError(Kind.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept": ACCEPT})
