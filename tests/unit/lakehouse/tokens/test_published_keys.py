"""The public keys are a JWK set (RFC 7517, RFC 8037) that another library reads, and that verifies our tokens there."""

from pathlib import Path

import jwt

from lakehouse.settings import Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.tokens.keys import KeyFolder


def test_another_library_verifies_a_token_with_the_published_keys(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    token = issue(settings, "shop-1", [Scope.EVENTS_WRITE])
    (key,) = jwt.PyJWKSet.from_json(KeyFolder(settings.keys_path).jwks.read_text()).keys
    assert (key.key_type, key.algorithm_name) == ("OKP", "EdDSA")
    found = jwt.decode(token, key, algorithms=["EdDSA"], audience=settings.tokens.audience)
    assert found["sub"] == "shop-1"
