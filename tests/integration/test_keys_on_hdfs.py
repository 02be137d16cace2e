"""Keys by way of a real HDFS: a host that knows nothing else learns of new keys, revocations and rotations."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from ingestion.key_check import KeyCheck
from lakehouse import instants
from lakehouse.clients.files import HdfsFiles, clock
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.settings import Settings, TokenSettings
from lakehouse.tokens import Scope, UnauthorizedError, Verifier
from lakehouse.tokens.exchange import exchange_once, exchanging
from lakehouse.tokens.issue import issue
from lakehouse.tokens.keys import KeyFolder
from lakehouse.tokens.personal_keys import FIRST_DAY, PersonalKeyFolder
from lakehouse.tokens.revoke import revoke_merchant, revoke_token
from lakehouse.tokens.rotate import Rotate, RotateRequest, earliest_day
from tests.support.embedded_stack import EmbeddedStack
from tests.support.waiting import await_

pytestmark = pytest.mark.stack
OFTEN = timedelta(seconds=0.1)


def host(servers: EmbeddedStack, keys: Path) -> Settings:
    """With keys of its own, in a warehouse of this module's."""
    tokens = TokenSettings(exchange_interval=OFTEN, refresh_interval=OFTEN)
    return servers.settings.model_copy(update={"keys": keys, "warehouse": "/keys", "tokens": tokens})


def test_a_new_key_and_a_revocation_reach_a_host_that_knows_only_hdfs(servers: EmbeddedStack, tmp_path: Path) -> None:
    issuer, other = host(servers, tmp_path / "issuer"), host(servers, tmp_path / "other")

    def told(*verbs: Callable[[], Any]) -> list[Any]:
        """What commands do on the issuer's host."""
        done = [verb() for verb in verbs]
        assert exchange_once(issuer) is None
        return done

    def accepts(token: str) -> bool:
        try:
            verifier.verify(token)
        except UnauthorizedError:
            return False
        return True

    def new(merchant: str) -> str:
        return issue(issuer, merchant, [Scope.EVENTS_WRITE])

    with exchanging(other):
        verifier = Verifier(other)
        one, two, three = told(lambda: new("m"), lambda: new("m"), lambda: new("n"))
        await_(lambda: accepts(one))
        jti = jwt.decode(one, options={"verify_signature": False})["jti"]
        told(lambda: revoke_token(issuer, jti))
        await_(lambda: not accepts(one))
        assert accepts(two)
        told(lambda: revoke_merchant(issuer, "m"))
        await_(lambda: not accepts(two))
        assert accepts(three)
    assert not (tmp_path / "other" / "signing.json").exists()


def test_a_rotation_reaches_a_host_that_knows_only_hdfs(servers: EmbeddedStack, tmp_path: Path) -> None:
    settings = [host(servers, tmp_path / name) for name in ("one", "two")]
    files, layout = HdfsFiles(servers.settings.hdfs_url), Layout("/keys")
    one, two = folders = [PersonalKeyFolder(KeyFolder(each.keys_path)) for each in settings]
    first, second = (KeyCheck(each, files, layout, instants.now_micros) for each in settings)
    first.round()
    second.round()
    assert "another key" in str(second.refusal(instants.now_micros()))
    two.path(FIRST_DAY).write_bytes(one.path(FIRST_DAY).read_bytes())
    second.round()
    assert second.refusal(instants.now_micros()) is None

    verbs = [Rotate(files, layout, folder, timedelta(hours=1)) for folder in folders]
    day = earliest_day(clock(files, layout.staging)) + timedelta(days=1)
    with pytest.raises(RefusedError, match="earliest day"):
        verbs[0].plan(RotateRequest(day - timedelta(days=2), "olga"))
    planned = [verb.plan(RotateRequest(day, "olga")) for verb in verbs]
    verbs[0].carry_out(planned[0])
    with pytest.raises(RefusedError, match="another host"):
        verbs[1].carry_out(planned[1])
    for check in (first, second):
        check.round()
    assert [len(check.lacks) for check in (first, second)] == [0, 1]
    assert second.refusal(instants.to_micros(planned[1].needed_from)) is not None
    two.path(day).write_bytes(one.path(day).read_bytes())
    second.round()
    assert second.lacks == []
    assert one.read() == two.read()
