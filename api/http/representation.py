"""How an answer is sent: as JSON or CSV, with an ETag, compressed if wanted, or as 304.

In: a request, and the bytes of an answer. Out: a response.
"""

import gzip
from enum import StrEnum

from lakehouse.http import negotiation
from lakehouse.http.asgi import Request, Response


class Media(StrEnum):
    JSON = "application/json"
    CSV = "text/csv"


VARY = (b"vary", b"Accept, Authorization, Accept-Encoding")
WORTH_COMPRESSING = 1024
"""Bytes."""

_OFFERED = tuple(media.value for media in Media)
_CONTENT_TYPES = {Media.JSON: b"application/json", Media.CSV: b"text/csv; charset=utf-8; header=present"}


def media_type(request: Request) -> Media:
    """The one that the client weighs most; JSON where it does not care. Raises 406."""
    return Media(negotiation.preferred(request.header(b"accept"), _OFFERED))


def uncached(body: bytes, status: int = 200) -> Response:
    """An answer that depends on the moment: never stored."""
    return Response(body, status, [(b"content-type", _CONTENT_TYPES[Media.JSON]), (b"cache-control", b"no-store")])


def representation(request: Request, body: bytes, media: Media = Media.JSON) -> Response:
    """An answer that is a function of (release, query): with an ETag, compressed if wanted, or 304.

    ``no-cache`` lets clients keep it and makes them ask whether they still may see it: a revoked token may not.
    """
    gzipped = len(body) >= WORTH_COMPRESSING and negotiation.wants_gzip(request.header(b"accept-encoding"))
    tag = negotiation.etag(body, gzipped)
    headers = [(b"etag", tag.encode()), VARY, (b"cache-control", b"private, no-cache")]
    if negotiation.matches(request.header(b"if-none-match"), tag):
        return Response(b"", 304, headers)
    headers.append((b"content-type", _CONTENT_TYPES[media]))
    if gzipped:
        headers.append((b"content-encoding", b"gzip"))
        body = gzip.compress(body, compresslevel=5, mtime=0)
    return Response(body, 200, headers)
