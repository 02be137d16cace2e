"""The files in ``settings.keys_path`` that issuer and services share.

``signing.json``: the private key (JWK, mode 0600; only the issuer reads it). ``jwks.json``: the public keys.
``revocations.json``: revoked token ids, and merchants whose tokens issued before an instant are revoked. Each
file is replaced whole, so a reader never sees a part of one. (The keys that hash personal ids lie beside them:
``personal_keys``.)
"""

import base64
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import UNSET, UnsetType

from lakehouse.errors import LakehouseError

ALGORITHM = "EdDSA"


class Jwk(msgspec.Struct, frozen=True):
    """An Ed25519 key as RFC 8037 writes it. ``d`` is there in the private one only."""

    kid: str
    x: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["EdDSA"] = "EdDSA"
    use: Literal["sig"] = "sig"
    d: str | UnsetType = UNSET

    def public_key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(_unbase64(self.x))

    def private_key(self) -> Ed25519PrivateKey:
        if self.d is UNSET:
            raise LakehouseError("the signing key has no private part; restore keys/signing.json from a backup")
        return Ed25519PrivateKey.from_private_bytes(_unbase64(self.d))


class Jwks(msgspec.Struct, frozen=True):
    keys: list[Jwk]


class Revocations(msgspec.Struct, frozen=True):
    """``jti``: token id to the second of its revocation; ``sub``: merchant to a second, older tokens are out."""

    jti: dict[str, int] = {}
    sub: dict[str, int] = {}

    def covers(self, jti: str, sub: str, issued_at: float) -> bool:
        return jti in self.jti or issued_at < self.sub.get(sub, 0)


class KeyFolder:
    """The folder and its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signing = folder / "signing.json"
        self.jwks = folder / "jwks.json"
        self.revocations = folder / "revocations.json"

    def ensure(self) -> Jwk:
        """The signing key, made and published if there is none yet. Safe to call from several processes."""
        with self.locked():
            if not self.signing.exists():
                replace_file(self.signing, _encode(_new_key()), mode=0o600)
            key = msgspec.json.decode(self.signing.read_bytes(), type=Jwk)
            known = self.read_jwks().keys
            if all(other.kid != key.kid for other in known):
                public = msgspec.structs.replace(key, d=UNSET)
                self.write_jwks(Jwks([*known, public]))
            return key

    def read_jwks(self) -> Jwks:
        return msgspec.json.decode(_read(self.jwks) or b'{"keys":[]}', type=Jwks)

    def write_jwks(self, jwks: Jwks) -> None:
        replace_file(self.jwks, _encode(jwks), mode=0o644)

    def read_revocations(self) -> Revocations:
        return msgspec.json.decode(_read(self.revocations) or b"{}", type=Revocations)

    def write_revocations(self, revocations: Revocations) -> None:
        replace_file(self.revocations, _encode(revocations), mode=0o644)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time changes these files."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / ".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _new_key() -> Jwk:
    private = Ed25519PrivateKey.generate()
    kid = f"{time.strftime('%Y%m%d', time.gmtime())}-{secrets.token_hex(4)}"
    public = _base64(private.public_key().public_bytes_raw())
    return Jwk(kid=kid, x=public, d=_base64(private.private_bytes_raw()))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def replace_file(path: Path, data: bytes, mode: int) -> None:
    """A reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _encode(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
