"""Error answers of the HTTP services: RFC 9457 ``application/problem+json``, from one published list.

In: a row of :class:`Kind` and what happened. Out: the status, headers and body of an ASGI answer. Every
service serves the list at ``/problems`` (``lakehouse.http.problem_pages``), so that a ``type`` can be looked up where
it was received.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from lakehouse.errors import LakehouseError

CONTENT_TYPE = "application/problem+json"


class Kind(Enum):
    """One row per type: name in the URL, HTTP status, title, and what the caller does next."""

    UNREADABLE_BODY = (
        "unreadable-body",
        400,
        "The body cannot be read",
        "Correct the body; do not repeat it.",
    )
    NOT_HTTP = ("not-http", 400, "The request is not HTTP", "Send HTTP/1.1.")
    ALL_REJECTED = ("all-rejected", 400, "Every event was rejected", "See `rejected` for each reason.")
    BAD_PARAMETER = ("bad-parameter", 400, "A parameter is wrong", "See `detail`; correct the request.")
    UNAUTHORIZED = (
        "unauthorized",
        401,
        "No valid token",
        "Send `Authorization: Bearer TOKEN`; ask for a new one.",
    )
    FORBIDDEN = (
        "forbidden",
        403,
        "The token does not allow this",
        "Use a token with the scope named in `detail`.",
    )
    NOT_FOUND = ("not-found", 404, "There is no such resource", "See /docs for what there is.")
    NO_RELEASE = ("no-release", 404, "Nothing was released yet at that moment", "Ask for a later moment.")
    METHOD_NOT_ALLOWED = (
        "method-not-allowed",
        405,
        "The method is not allowed here",
        "See the header `Allow`.",
    )
    NOT_ACCEPTABLE = ("not-acceptable", 406, "No such representation", "Accept one of the types in `detail`.")
    TIMEOUT = ("request-timeout", 408, "The body did not arrive in time", "Send it again as it was.")
    CONFLICT = ("conflict", 409, "It does not go with what there is", "See `detail`; look again, then decide.")
    BEYOND_RETENTION = ("beyond-retention", 410, "That moment is no longer kept", "Ask for a later moment.")
    TOO_LARGE = (
        "too-large",
        413,
        "The request is too large",
        "Send less at once; the limits are in `detail`.",
    )
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, "Unknown media type or coding", "See `Accept`.")
    EXPECTATION_FAILED = (
        "expectation-failed",
        417,
        "The expectation cannot be met",
        "Send `Expect: 100-continue`, or no `Expect`.",
    )
    HEAD_TOO_LARGE = (
        "head-too-large",
        431,
        "The head of the request is too large",
        "Send fewer and shorter headers, and wait for answers.",
    )
    QUOTA_EXCEEDED = (
        "quota-exceeded",
        429,
        "Your quota is used up",
        "Send again after `Retry-After` seconds.",
    )
    INTERNAL = ("internal-error", 500, "The service failed", "Tell the operator the time of this answer.")
    UNAVAILABLE = (
        "unavailable",
        503,
        "The service cannot do this now",
        "Send again after `Retry-After` seconds.",
    )

    def __init__(self, slug: str, status: int, title: str, advice: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title
        self.advice = advice

    @property
    def type(self) -> str:
        """The ``type`` member: a reference relative to the service that gave the answer."""
        return f"/problems/{self.slug}"


class ProblemError(LakehouseError):
    """A request that is answered by a problem. ``members`` go into the body, ``headers`` into the answer."""

    exit_code = 1

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})


class UnauthorizedError(ProblemError):
    """401: there is no token, or it is not valid."""

    def __init__(self, detail: str) -> None:
        challenge = 'Bearer realm="merchant-lakehouse", error="invalid_token"'
        super().__init__(Kind.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})


class ForbiddenError(ProblemError):
    """403: the token is valid and does not allow this."""

    def __init__(self, detail: str) -> None:
        super().__init__(Kind.FORBIDDEN, detail)


class BadParameterError(ProblemError):
    """400: the parameter that is wrong is named in the body, too."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(Kind.BAD_PARAMETER, f"{parameter}: {detail}", members={"parameter": parameter})


def internal_error() -> ProblemError:
    """500: an error that no code expects."""
    return ProblemError(Kind.INTERNAL, "the service failed; the operator finds the cause in its log")
