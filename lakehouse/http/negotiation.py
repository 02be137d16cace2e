"""Which representation a client wants, and whether it has it already (RFC 9110).

In: values of request headers. Out: a media type, a coding, a strong ETag, or 406. An ETag is of the bytes that are
sent: each media type, and its compressed form, has its own.
"""

from functools import lru_cache
from hashlib import blake2b

from lakehouse.http.problems import Kind, ProblemError


@lru_cache(maxsize=256)
def preferred(accept: str | None, offered: tuple[str, ...]) -> str:
    """The media type that the client weighs most, of those offered; of two equal ones the first. Raises 406."""
    if not accept or not accept.strip():
        return offered[0]
    weights = dict(reversed(_weighted(accept)))
    best = max(offered, key=lambda media: _weight(media, weights))
    if _weight(best, weights) <= 0:
        raise ProblemError(Kind.NOT_ACCEPTABLE, f"there are {' and '.join(offered)}")
    return best


@lru_cache(maxsize=256)
def wants_gzip(accept_encoding: str | None) -> bool:
    weights = dict(_weighted(accept_encoding or ""))
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def etag(body: bytes, gzipped: bool) -> str:
    digest = blake2b(body, digest_size=16).hexdigest()
    return f'"{digest}-gzip"' if gzipped else f'"{digest}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has it: the weak comparison that RFC 9110 asks for here."""
    if not if_none_match:
        return False
    known = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in known or known == ["*"]


def _weight(media: str, weights: dict[str, float]) -> float:
    """That of the most specific range which covers the type."""
    for name in (media, media.split("/")[0] + "/*", "*/*"):
        if name in weights:
            return weights[name]
    return 0.0


def _weighted(header: str) -> list[tuple[str, float]]:
    """Names with their ``q``; other parameters (``charset``, ``header``) do not tell our types apart."""
    found = []
    for part in header.split(","):
        name, *parameters = (piece.strip() for piece in part.lower().split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        if name:
            found.append((name, _number(weight)))
    return found


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
