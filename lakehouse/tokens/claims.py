"""What a token says, once it has been verified."""

import re
from dataclasses import dataclass
from enum import StrEnum

from lakehouse.http.problems import ForbiddenError

MERCHANT_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,64}")
"""Every valid merchant id, to be used with ``fullmatch``. ``.`` and ``..`` are none: clients take them out of a URL."""
MERCHANT_ID_RULE = "1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-', but not '.' or '..'"
"""The same in words, for whoever sends another one."""


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
