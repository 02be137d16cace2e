"""Tokens: what the issuer signs is accepted, and nothing else is."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lakehouse.cli.main import main
from lakehouse.cli.token import app, parse_ttl
from lakehouse.errors import RefusedError
from lakehouse.http.problems import ForbiddenError, Kind, UnauthorizedError
from lakehouse.settings import Settings, TokenSettings
from lakehouse.tokens import MERCHANT_ID, Principal, Scope, Verifier
from lakehouse.tokens.issue import issue
from lakehouse.tokens.keys import KeyFolder
from lakehouse.tokens.revoke import revoke_merchant, revoke_token
from lakehouse.tokens.verify import bearer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, tokens=TokenSettings(refresh_interval=timedelta(0)))


@pytest.fixture
def good(settings: Settings) -> dict[str, Any]:
    """The claims of a valid token."""
    token = issue(settings, "shop-1", [Scope.EVENTS_WRITE])
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def sign(settings: Settings, claims: dict[str, Any], **header: Any) -> str:
    key = KeyFolder(settings.keys_path).ensure()
    return jwt.encode(claims, key.private_key(), algorithm="EdDSA", headers={"kid": key.kid} | header)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(settings: Settings, token: str) -> str:
    with pytest.raises(UnauthorizedError) as error:
        Verifier(settings).verify(token)
    assert error.value.kind is Kind.UNAUTHORIZED
    assert error.value.headers["WWW-Authenticate"].startswith("Bearer")
    return error.value.detail


def test_an_issued_token_is_accepted(settings: Settings) -> None:
    token = issue(settings, "shop-1", [Scope.EVENTS_WRITE, Scope.INSIGHTS_READ], timedelta(minutes=5))
    principal = Verifier(settings).verify(token)
    assert principal.merchant_id == "shop-1"
    assert principal.scopes == {"events:write", "insights:read"}
    assert 299 <= principal.expires_at - time.time() <= 300
    assert principal.has(Scope.EVENTS_WRITE, Scope.OPS)
    principal.require(Scope.INSIGHTS_READ)
    with pytest.raises(ForbiddenError):
        principal.require(Scope.OPS, Scope.INSIGHTS_READ_ANY)


@given(st.from_regex(MERCHANT_ID, fullmatch=True))
def test_every_valid_merchant_has_a_token(tmp_path_factory: pytest.TempPathFactory, merchant: str) -> None:
    settings = Settings(home=tmp_path_factory.getbasetemp() / "merchants")
    assert Verifier(settings).verify(issue(settings, merchant, [Scope.OPS])).merchant_id == merchant


@pytest.mark.parametrize("merchant", ["", ".", "..", ".\n", "a b", "a/b", "é", "x" * 65, "a\n"])
def test_what_is_no_merchant_has_none(settings: Settings, good: dict[str, Any], merchant: str) -> None:
    with pytest.raises(RefusedError):
        issue(settings, merchant, [Scope.OPS])
    refused(settings, sign(settings, good | {"sub": merchant}))


@pytest.mark.parametrize("merchant", ["...", "..a", "a..", "-", "_.", ".a"])
def test_other_dots_are_a_merchants(settings: Settings, merchant: str) -> None:
    assert Verifier(settings).verify(issue(settings, merchant, [Scope.OPS])).merchant_id == merchant


@pytest.mark.parametrize("merchant", [".", ".."])
def test_the_command_refuses_what_is_no_merchant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], merchant: str
) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["lakehouse", "token", "issue", "--merchant", merchant, "--scope", "events:write"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    told = capsys.readouterr()
    assert "not '.' or '..'" in told.err
    assert told.out == ""


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "scope", "iat", "exp", "jti"])
def test_every_claim_is_required(settings: Settings, good: dict[str, Any], claim: str) -> None:
    assert claim in refused(settings, sign(settings, {name: good[name] for name in good if name != claim}))


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "somebody-else"},
        {"iss": "somebody-else"},
        {"exp": 1},
        {"exp": "tomorrow"},
        {"iat": 9_999_999_999},
        {"iat": "now"},
        {"iat": True},
        {"sub": 7},
        {"scope": ["events:write"]},
        {"jti": ""},
        {"jti": 7},
        {"nbf": 9_999_999_999},
    ],
)
def test_every_claim_must_be_right(settings: Settings, good: dict[str, Any], change: dict[str, Any]) -> None:
    refused(settings, sign(settings, good | change))


def test_algorithm_none(settings: Settings, good: dict[str, Any]) -> None:
    kid = KeyFolder(settings.keys_path).ensure().kid
    for name in ("none", "None", "NONE"):
        refused(settings, f"{part({'alg': name, 'kid': kid})}.{part(good)}.")


def test_the_public_key_is_no_secret(settings: Settings, good: dict[str, Any]) -> None:
    """HS256 with the public key's bytes, in each of the forms that they have."""
    key = KeyFolder(settings.keys_path).ensure()
    raw = key.public_key().public_bytes_raw()
    for secret in (raw, key.x.encode(), (settings.keys_path / "jwks.json").read_bytes()):
        signed = f"{part({'alg': 'HS256', 'kid': key.kid})}.{part(good)}"  # by hand: libraries refuse to
        digest = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), "sha256")).rstrip(b"=").decode()
        refused(settings, f"{signed}.{digest}")


def test_another_key(settings: Settings, good: dict[str, Any]) -> None:
    kid = KeyFolder(settings.keys_path).ensure().kid
    stranger = Ed25519PrivateKey.generate()
    for header in ({"kid": kid}, {"kid": "unknown"}, {}):
        refused(settings, jwt.encode(good, stranger, algorithm="EdDSA", headers=header))
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(stranger.public_key().public_bytes_raw())}
    embedded = {"kid": kid, "jwk": {name: str(value) for name, value in jwk.items()}}
    refused(settings, jwt.encode(good, stranger, algorithm="EdDSA", headers=embedded))


def test_a_token_without_a_key_id(settings: Settings, good: dict[str, Any]) -> None:
    private = KeyFolder(settings.keys_path).ensure().private_key()
    refused(settings, jwt.encode(good, private, algorithm="EdDSA"))


@given(st.data())
def test_one_changed_character_is_enough(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    settings = Settings(home=tmp_path_factory.getbasetemp() / "tamper")
    token = issue(settings, "shop-1", [Scope.OPS])
    place = data.draw(st.integers(0, len(token) - 2))  # the last character has bits that mean nothing
    other = data.draw(st.sampled_from("AQgw.-_0z ").filter(lambda char: char != token[place]))
    refused(settings, token[:place] + other + token[place + 1 :])


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda data: data.decode("latin-1")))
def test_any_text_is_refused_quietly(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    settings = Settings(home=tmp_path_factory.getbasetemp() / "noise")
    refused(settings, text)
    refused(settings, f"{text}.{text}.{text}")


def test_very_long_tokens_are_not_looked_at(settings: Settings) -> None:
    assert "longer" in refused(settings, "x" * 100_000)


def test_a_token_expires_although_it_is_remembered(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier(settings)
    token = issue(settings, "shop-1", [Scope.OPS], timedelta(seconds=60))
    verifier.verify(token)
    later = time.time() + 61
    monkeypatch.setattr("time.time", lambda: later)
    with pytest.raises(UnauthorizedError, match="expired"):
        verifier.verify(token)


def _by_id(settings: Settings, principal: Principal) -> None:
    revoke_token(settings, principal.jti)


def _by_merchant(settings: Settings, principal: Principal) -> None:
    revoke_merchant(settings, principal.merchant_id)


@pytest.mark.parametrize("revoke", [_by_id, _by_merchant])
def test_revocation_reaches_tokens_that_are_remembered(
    settings: Settings, revoke: Callable[[Settings, Principal], None]
) -> None:
    verifier = Verifier(settings)
    token, other = issue(settings, "shop-1", [Scope.OPS]), issue(settings, "shop-2", [Scope.OPS])
    revoke(settings, verifier.verify(token))
    with pytest.raises(UnauthorizedError, match="revoked"):
        verifier.verify(token)
    assert verifier.verify(other).merchant_id == "shop-2"
    assert verifier.verify(issue(settings, "shop-1", [Scope.OPS])).merchant_id == "shop-1"


def test_files_are_looked_at_after_the_interval_only(settings: Settings) -> None:
    slow = settings.model_copy(update={"tokens": TokenSettings(refresh_interval=timedelta(hours=1))})
    token = issue(settings, "shop-1", [Scope.OPS])
    verifier = Verifier(slow)
    revoke_merchant(settings, "shop-1")
    assert verifier.verify(token).merchant_id == "shop-1"


def test_a_broken_file_does_not_bring_revoked_tokens_back(settings: Settings) -> None:
    verifier = Verifier(settings)
    token, fresh = issue(settings, "shop-1", [Scope.OPS]), issue(settings, "shop-2", [Scope.OPS])
    revoke_merchant(settings, "shop-1")
    with pytest.raises(UnauthorizedError):
        verifier.verify(token)
    (settings.keys_path / "revocations.json").write_text("{")
    with pytest.raises(UnauthorizedError):
        verifier.verify(token)
    assert verifier.verify(fresh).merchant_id == "shop-2"


def test_a_second_key_joins_the_first(settings: Settings) -> None:
    """Rotation: the operator moves the old private key away; its tokens stay valid until they expire."""
    verifier = Verifier(settings)
    old = issue(settings, "shop-1", [Scope.OPS])
    (settings.keys_path / "signing.json").unlink()
    new = issue(settings, "shop-1", [Scope.OPS])
    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
    assert verifier.verify(old).jti != verifier.verify(new).jti


def test_services_hold_public_keys_only(settings: Settings) -> None:
    key = KeyFolder(settings.keys_path).ensure()
    assert isinstance(key.d, str)
    assert key.d not in (settings.keys_path / "jwks.json").read_text()
    assert (settings.keys_path / "signing.json").stat().st_mode & 0o077 == 0
    (settings.keys_path / "signing.json").chmod(0)
    Verifier(settings)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic abc", "abc"])
def test_other_authorizations_are_refused(header: str) -> None:
    with pytest.raises(UnauthorizedError):
        bearer(header)


def test_the_scheme_is_compared_without_case() -> None:
    assert bearer("bEARER abc") == "abc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", timedelta(days=30)),
        ("90m", timedelta(minutes=90)),
        ("1w", timedelta(days=7)),
        (" 5 s", timedelta(seconds=5)),
    ],
)
def test_lifetimes(text: str, expected: timedelta) -> None:
    assert parse_ttl(text) == expected


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1.5h", "d", "30", "30y", "99999999d"])
def test_what_is_no_lifetime(text: str) -> None:
    with pytest.raises(RefusedError):
        parse_ttl(text)


def test_the_command_prints_the_token_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    runner = CliRunner()
    scopes = ["--scope", "events:write", "--scope", "insights:read"]
    result = runner.invoke(app, ["issue", "--merchant", "shop-1", *scopes, "--ttl", "2h"])
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    verifier = Verifier(Settings(home=tmp_path, tokens=TokenSettings(refresh_interval=timedelta(0))))
    principal = verifier.verify(result.stdout.strip())
    assert principal.scopes == {"events:write", "insights:read"}
    assert runner.invoke(app, ["revoke", "--jti", principal.jti]).exit_code == 0
    with pytest.raises(UnauthorizedError, match="revoked"):
        verifier.verify(result.stdout.strip())
    assert runner.invoke(app, ["issue", "--merchant", "shop-1", "--scope", "everything"]).exit_code != 0
    assert runner.invoke(app, ["revoke"]).exit_code != 0
