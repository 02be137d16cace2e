"""Keys and revocations reach services on other hosts by HDFS, within a minute; without it, what is known stays."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from lakehouse.clients.files import Entry, LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotReadyError, RefusedError
from lakehouse.settings import Settings, TokenSettings
from lakehouse.tokens import Scope, UnauthorizedError, Verifier
from lakehouse.tokens.exchange import KeyExchange, KeyPoller, exchange_once
from lakehouse.tokens.issue import issue
from lakehouse.tokens.keys import KeyFolder
from lakehouse.tokens.revoke import revoke_merchant, revoke_token
from tests.support.waiting import await_

LAYOUT = Layout("/lakehouse")


class Hdfs(LocalFiles):
    """Counts what it is asked, and may be away."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked = 0
        self.is_away = False

    def stat(self, path: str) -> Entry:
        self._ask()
        return super().stat(path)

    def read(self, path: str) -> bytes:
        self._ask()
        return super().read(path)

    def _ask(self) -> None:
        self.asked += 1
        if self.is_away:
            raise NotReadyError("HDFS does not answer")


class Host:
    """One with a key folder of its own."""

    def __init__(self, home: Path, hdfs: Hdfs) -> None:
        self.settings = Settings(home=home, tokens=TokenSettings(refresh_interval=timedelta(0)))
        self.folder = KeyFolder(self.settings.keys_path)
        self.hdfs = hdfs
        self.restart()

    def restart(self) -> None:
        self.verifier = Verifier(self.settings)
        self.exchange = KeyExchange(self.hdfs, LAYOUT, self.folder)

    def issue(self, merchant: str = "m") -> str:
        return issue(self.settings, merchant, [Scope.EVENTS_WRITE])

    def accepts(self, token: str) -> bool:
        try:
            self.verifier.verify(token)
        except UnauthorizedError:
            return False
        return True


@pytest.fixture
def hdfs(tmp_path: Path) -> Hdfs:
    return Hdfs(tmp_path / "hdfs")


@pytest.fixture
def host(tmp_path: Path, hdfs: Hdfs) -> Callable[[str], Host]:
    return lambda name: Host(tmp_path / name, hdfs)


def jti(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["jti"])


def rounds(*hosts: Host) -> None:
    for one in hosts:
        one.exchange.round()


def test_a_new_key_and_a_revocation_reach_every_host(host: Callable[[str], Host]) -> None:
    issuer, first, second = host("issuer"), host("first"), host("second")
    rounds(first)
    token, other = issuer.issue(), issuer.issue()
    assert not first.accepts(token)
    rounds(issuer, first, second)
    assert all(one.accepts(token) and one.accepts(other) for one in (issuer, first, second))
    revoke_token(issuer.settings, jti(token))
    rounds(issuer, first, second)
    assert [one.accepts(token) for one in (issuer, first, second)] == [False] * 3
    assert all(one.accepts(other) for one in (first, second))
    revoke_merchant(issuer.settings, "m")
    rounds(issuer, first, second)
    assert not any(one.accepts(other) for one in (issuer, first, second))
    assert second.accepts(issuer.issue())


def test_a_second_key_of_the_issuer_reaches_them_too(host: Callable[[str], Host]) -> None:
    issuer, edge = host("issuer"), host("edge")
    old = issuer.issue()
    rounds(issuer, edge)
    issuer.folder.signing.unlink()
    new = issuer.issue()
    rounds(issuer, edge)
    assert edge.accepts(old)
    assert edge.accepts(new)


def test_no_private_key_leaves_the_issuer(host: Callable[[str], Host], hdfs: Hdfs) -> None:
    issuer, edge = host("issuer"), host("edge")
    issuer.issue()
    rounds(issuer, edge)
    private = json.loads(issuer.folder.signing.read_text())["d"]
    published = hdfs.read(LAYOUT.public_keys).decode()
    assert private not in published + edge.folder.jwks.read_text()
    assert not edge.folder.signing.exists()


def test_without_hdfs_what_is_known_stays_also_over_a_restart(host: Callable[[str], Host], hdfs: Hdfs) -> None:
    issuer, edge = host("issuer"), host("edge")
    good, bad = issuer.issue(), issuer.issue()
    revoke_token(issuer.settings, jti(bad))
    rounds(issuer, edge)
    hdfs.is_away = True
    edge.restart()
    with pytest.raises(NotReadyError):
        edge.exchange.round()
    assert edge.accepts(good)
    assert not edge.accepts(bad)
    hdfs.is_away = False
    revoke_token(issuer.settings, jti(good))
    rounds(issuer, edge)
    assert not edge.accepts(good)


def test_a_document_that_cannot_be_read_changes_nothing(host: Callable[[str], Host], hdfs: Hdfs) -> None:
    issuer, edge = host("issuer"), host("edge")
    token = issuer.issue()
    rounds(issuer, edge)
    hdfs.write(LAYOUT.public_keys, b'{"issuer":')
    with pytest.raises(ValueError, match="truncated"):
        edge.exchange.round()
    assert edge.accepts(token)


def test_another_issuer_takes_nothing_away(host: Callable[[str], Host]) -> None:
    issuer, stray, edge = host("issuer"), host("stray"), host("edge")
    token = issuer.issue()
    rounds(issuer)
    stray.issue()
    with pytest.raises(RefusedError, match="another issuer"):
        stray.exchange.round()
    rounds(edge)
    assert edge.accepts(token)


def test_a_round_in_which_nothing_changed_is_one_look(host: Callable[[str], Host], hdfs: Hdfs) -> None:
    issuer, edge = host("issuer"), host("edge")
    issuer.issue()
    rounds(issuer, edge)
    hdfs.asked = 0
    for _ in range(10):
        rounds(issuer, edge)
    assert hdfs.asked == 10


def test_a_service_follows_by_itself_and_outlives_failures(host: Callable[[str], Host], hdfs: Hdfs) -> None:
    issuer, edge = host("issuer"), host("edge")
    token = issuer.issue()
    hdfs.is_away = True
    pollers = [KeyPoller(one.exchange, 0.02) for one in (issuer, edge)]
    try:
        await_(lambda: hdfs.asked >= 4)
        hdfs.is_away = False
        await_(lambda: edge.accepts(token))
        revoke_token(issuer.settings, jti(token))
        await_(lambda: not edge.accepts(token))
    finally:
        for poller in pollers:
            poller.stop()


def test_the_settings_keep_within_a_minute() -> None:
    """The issuer's host gives, another takes, its verifier looks."""
    tokens = TokenSettings()
    assert 2 * tokens.exchange_interval + tokens.refresh_interval < timedelta(seconds=60)


def test_a_command_does_not_wait_for_an_hdfs_that_is_not_there(tmp_path: Path) -> None:
    assert "does not answer" in (exchange_once(Settings(home=tmp_path, port_base=1024)) or "")
