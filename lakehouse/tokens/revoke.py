"""Revokes tokens: one by its id, or all of a merchant issued until now. Services follow within seconds."""

import time

import msgspec

from lakehouse.settings import Settings
from lakehouse.tokens.keys import KeyFolder


def revoke_token(settings: Settings, jti: str) -> None:
    """Revokes the token with this id, also one that this stack has never seen."""
    folder = KeyFolder(settings.keys_path)
    with folder.locked():
        old = folder.read_revocations()
        folder.write_revocations(msgspec.structs.replace(old, jti=old.jti | {jti: int(time.time())}))


def revoke_merchant(settings: Settings, merchant_id: str) -> None:
    """Revokes every token of the merchant issued until now. A token issued later is valid."""
    folder = KeyFolder(settings.keys_path)
    with folder.locked():
        old = folder.read_revocations()
        until = int(time.time()) + 1
        folder.write_revocations(msgspec.structs.replace(old, sub=old.sub | {merchant_id: until}))
