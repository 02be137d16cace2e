"""Tokens of the merchants whose events are sent, signed with this stack's own key.

In: scopes. Out: a merchant's token, kept for half of its life, so that a long run never sends one that has expired.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from lakehouse.settings import Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue

_TTL = timedelta(hours=1)


def issued(settings: Settings, *scopes: Scope) -> Callable[[str], str]:
    kept: dict[str, tuple[float, str]] = {}

    def token_of(merchant_id: str) -> str:
        made, token = kept.get(merchant_id, (float("-inf"), ""))
        if time.monotonic() - made > _TTL.total_seconds() / 2:
            token = issue(settings, merchant_id, scopes, _TTL)
            kept[merchant_id] = (time.monotonic(), token)
        return token

    return token_of
