"""Verifies tokens. In: the text of a token. Out: a :class:`Principal`, or 401.

Holds public keys only, and re-reads them and the revocations when their files have changed, looking at most
every ``settings.tokens.refresh_interval``: a revocation takes effect within that time, without a restart. A
signature costs about 100 microseconds, so a verified token is remembered by its hash until it expires or the
files change.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lakehouse.http.problems import UnauthorizedError
from lakehouse.settings import Settings
from lakehouse.tokens.claims import MERCHANT_ID, MERCHANT_ID_RULE, Principal
from lakehouse.tokens.keys import ALGORITHM, KeyFolder, Revocations

REQUIRED_CLAIMS = ["iss", "aud", "sub", "scope", "iat", "exp", "jti"]
MAX_TOKEN_LENGTH = 8192
MAX_REMEMBERED = 50_000
CLOCK_LEEWAY = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Known:
    """What the files said when they were last read."""

    stamp: tuple[object, ...]
    keys: dict[str, Ed25519PublicKey]
    revocations: Revocations


class Verifier:
    """Shared by all requests of a process. Thread-safe: it only replaces whole values."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.tokens
        self._folder = KeyFolder(settings.keys_path)
        self._known = _Known((), {}, Revocations())
        self._remembered: dict[bytes, Principal] = {}
        self._looked_at = 0.0
        self._refresh(0.0)

    def verify(self, token: str) -> Principal:
        """Who is calling; raises :class:`UnauthorizedError`."""
        self._refresh(self._settings.refresh_interval.total_seconds())
        digest = hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()
        principal = self._remembered.get(digest)
        if principal is None:
            principal = self._verify(token)
            self._remember(digest, principal)
        if principal.expires_at <= time.time():
            raise UnauthorizedError("the token has expired; ask the operator for a new one")
        return principal

    def _remember(self, digest: bytes, principal: Principal) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered = {}
        self._remembered[digest] = principal

    def _verify(self, token: str) -> Principal:
        if len(token) > MAX_TOKEN_LENGTH:
            raise UnauthorizedError(f"the token is longer than {MAX_TOKEN_LENGTH} characters")
        key = self._key(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                options={"require": REQUIRED_CLAIMS, "verify_iat": False},
            )
        except jwt.ExpiredSignatureError as error:
            raise UnauthorizedError("the token has expired; ask the operator for a new one") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise UnauthorizedError(f"the token is not valid: {error}") from error
        return self._principal(claims)

    def _key(self, token: str) -> Ed25519PublicKey:
        """The key that the header names. The algorithm is the key's; the header can only agree with it."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise UnauthorizedError("the token is not a signed JWT") from error
        kid = header.get("kid")
        if not isinstance(kid, str) or header.get("alg") != ALGORITHM:
            raise UnauthorizedError(f"the token must be signed with {ALGORITHM} and name its key by `kid`")
        if kid not in self._known.keys:
            self._refresh(0.0)  # a look at two files; whoever has just issued a first token does not wait
        key = self._known.keys.get(kid)
        if key is None:
            raise UnauthorizedError("the token is signed by a key that is not known here")
        return key

    def _principal(self, claims: dict[str, Any]) -> Principal:
        sub, jti, scope = claims["sub"], claims["jti"], claims["scope"]
        issued_at, expires_at = claims["iat"], claims["exp"]
        if not isinstance(sub, str) or not MERCHANT_ID.fullmatch(sub):
            raise UnauthorizedError(f"`sub` is not a merchant id: {MERCHANT_ID_RULE}")
        if not isinstance(jti, str) or not jti or not isinstance(scope, str):
            raise UnauthorizedError("`jti` and `scope` must be texts")
        if type(issued_at) not in (int, float) or type(expires_at) not in (int, float):
            raise UnauthorizedError("`iat` and `exp` must be numbers")
        if issued_at > time.time() + CLOCK_LEEWAY:
            raise UnauthorizedError("the token was issued in the future; compare the clocks")
        if self._known.revocations.covers(jti, sub, issued_at):
            raise UnauthorizedError("the token has been revoked; ask the operator for a new one")
        return Principal(sub, frozenset(scope.split()), jti, int(expires_at))

    def _refresh(self, interval: float) -> None:
        now = time.monotonic()
        if interval and now - self._looked_at < interval:
            return
        self._looked_at = now
        stamp = (_stamp(self._folder.jwks), _stamp(self._folder.revocations))
        if stamp == self._known.stamp:
            return
        try:
            keys = {key.kid: key.public_key() for key in self._folder.read_jwks().keys}
            known = _Known(stamp, keys, self._folder.read_revocations())
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            # What was known stays in force: forgetting revocations would let revoked tokens in.
            _log.error("cannot read the keys in %s: %s; the ones known stay", self._folder.folder, error)
            return
        self._known = known
        self._remembered = {}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def bearer(authorization: str) -> str:
    """The token of an ``Authorization`` header's value; raises :class:`UnauthorizedError`."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthorizedError("send `Authorization: Bearer TOKEN`")
    return token.strip()
