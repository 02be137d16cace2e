"""Issues tokens. The operator's side: this module alone uses the private key."""

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import jwt

from lakehouse.errors import RefusedError
from lakehouse.settings import Settings
from lakehouse.tokens.claims import MERCHANT_ID, MERCHANT_ID_RULE, Scope
from lakehouse.tokens.keys import ALGORITHM, KeyFolder


def issue(settings: Settings, merchant_id: str, scopes: Sequence[Scope], ttl: timedelta | None = None) -> str:
    """A token for a merchant. Makes the signing key if there is none yet."""
    claims(settings, merchant_id, scopes, ttl)
    key = KeyFolder(settings.keys_path).ensure()
    said = claims(settings, merchant_id, scopes, ttl)
    return jwt.encode(said, key.private_key(), algorithm=ALGORITHM, headers={"kid": key.kid})


def may_issue(settings: Settings) -> bool:
    """Whether the signing key is here. It stays with who issues tokens, and a new one would be known to nobody."""
    return KeyFolder(settings.keys_path).signing.exists()


def claims(
    settings: Settings, merchant_id: str, scopes: Sequence[Scope], ttl: timedelta | None = None
) -> dict[str, Any]:
    """What a token says that is issued now. Changes nothing; raises :class:`RefusedError`."""
    if not MERCHANT_ID.fullmatch(merchant_id):
        raise RefusedError(f"{merchant_id!r} is no merchant id: use {MERCHANT_ID_RULE}")
    if not scopes:
        raise RefusedError("a token needs at least one --scope")
    lifetime = settings.tokens.default_ttl if ttl is None else ttl
    if lifetime < timedelta(seconds=1):
        raise RefusedError("--ttl must be at least one second")
    folder = KeyFolder(settings.keys_path)
    # A merchant's revocation ends at a whole second: a token issued within it must not fall under it.
    now = max(int(time.time()), folder.read_revocations().sub.get(merchant_id, 0))
    return {
        "iss": settings.tokens.issuer,
        "aud": settings.tokens.audience,
        "sub": merchant_id,
        "scope": " ".join(dict.fromkeys(scopes)),
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        "jti": secrets.token_hex(12),
    }
