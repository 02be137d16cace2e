"""What the body of a request is, and its bytes without their coding.

In: headers and bytes. Out: a :class:`Mode`, and the decompressed body; or the problem 415, 413 or 400. Decompression
stops at the limit, so that a small body cannot become a large one in memory.
"""

import zlib
from enum import Enum

import zstandard

from ingestion.event_data import is_json, is_utf8
from lakehouse.problems import Kind, ProblemError

BATCH_TYPE = "application/cloudevents-batch+json"
EVENT_TYPE = "application/cloudevents+json"
ACCEPT = f"{BATCH_TYPE}, {EVENT_TYPE}, application/json, text/plain"
_MAX_WINDOW = 8 << 20


class Mode(Enum):
    """How a request carries its events."""

    BATCH = "batch"
    SINGLE = "single"
    BINARY = "binary"
    BEACON = "beacon"


def mode(content_type: str | None, has_specversion: bool) -> Mode:
    """The mode of a request by its Content-Type and whether it has a header ``ce-specversion``."""
    if content_type is None:
        if has_specversion:
            return Mode.BINARY
        raise _unsupported("there is no Content-Type")
    essence, _, parameters = content_type.partition(";")
    essence = essence.strip().lower()
    if not is_utf8(parameters):
        raise _unsupported("the charset must be utf-8")
    if essence == BATCH_TYPE:
        return Mode.BATCH
    if essence == EVENT_TYPE:
        return Mode.SINGLE
    if has_specversion and is_json(content_type):
        return Mode.BINARY
    if essence == "text/plain" and not has_specversion:
        return Mode.BEACON
    raise _unsupported(f"Content-Type {content_type[:100]!r} is none of {ACCEPT} (application/json with ce- headers)")


def decompress(body: bytes, encoding: str | None, limit: int) -> bytes:
    """The body without its Content-Encoding, of at most ``limit`` bytes."""
    coding = (encoding or "identity").strip().lower()
    if coding == "identity":
        plain = body
    elif coding in ("gzip", "x-gzip"):
        plain = _gunzip(body, limit)
    elif coding == "zstd":
        plain = _unzstd(body, limit)
    else:
        detail = f"Content-Encoding {coding[:100]!r} is not one of gzip and zstd"
        raise ProblemError(Kind.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "gzip, zstd"})
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def too_large(limit: int) -> ProblemError:
    return ProblemError(Kind.TOO_LARGE, f"a body has at most {limit} bytes, before and after decompression")


def _gunzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip file, up to one byte beyond the limit."""
    plain = b""
    try:
        while body:
            member = zlib.decompressobj(wbits=31)
            plain += member.decompress(body, limit + 1 - len(plain))
            if len(plain) > limit:
                return plain
            if not member.eof:
                raise _undecodable("gzip")
            body = member.unused_data
    except zlib.error as error:
        raise _undecodable("gzip") from error
    return plain


def _unzstd(body: bytes, limit: int) -> bytes:
    """One zstd frame, up to one byte beyond the limit."""
    if not body:
        return body
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        # What the header says of the size is a claim; the reader stops whatever it says, the frame tells a torn end.
        with decompressor.stream_reader(body) as reader:
            if len(reader.read(limit + 1)) > limit:
                return bytes(limit + 1)
        frame = decompressor.decompressobj()
        plain = frame.decompress(body)
    except zstandard.ZstdError as error:
        raise _undecodable("zstd") from error
    if not frame.eof or frame.unused_data:
        raise _undecodable("zstd")
    return plain


def _undecodable(coding: str) -> ProblemError:
    return ProblemError(Kind.UNREADABLE_BODY, f"the body is not whole and valid {coding}")


def _unsupported(detail: str) -> ProblemError:
    return ProblemError(Kind.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept": ACCEPT})
