"""What a token says, once it has been verified."""

import re
from dataclasses import dataclass
from enum import StrEnum

from lakehouse.problems import ForbiddenError

MERCHANT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Every valid merchant id, to be used with ``fullmatch``. ``..`` is one of them: never make a path."""


class Scope(StrEnum):
    """What a token allows."""

    EVENTS_WRITE = "events:write"
    EVENTS_WRITE_BROWSER = "events:write:browser"
    """The three browser types only; the one scope that may travel in a URL."""
    INSIGHTS_READ = "insights:read"
    INSIGHTS_READ_ANY = "insights:read:any"
    OPS = "ops"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. ``scopes`` holds what the token names, also scopes that we do not know."""

    merchant_id: str
    scopes: frozenset[str]
    jti: str
    expires_at: int
    """Seconds since 1970."""

    def has(self, *any_of: Scope) -> bool:
        return not self.scopes.isdisjoint(any_of)

    def require(self, *any_of: Scope) -> None:
        """Raises :class:`ForbiddenError` unless the token has one of the scopes."""
        if self.scopes.isdisjoint(any_of):
            raise ForbiddenError(f"the token needs the scope {' or '.join(any_of)}")
