"""Public keys and revocations on their way to services on other hosts, by one document on HDFS.

In: the key folder of this host, and HDFS. Out: where the folder has the signing key, the document holds its public keys
and revocations; elsewhere the folder holds what the document says. Promise: no private key leaves the issuer's folder;
while HDFS is away, what was known stays in force, also over a restart; a round in which nothing changed is one look.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from lakehouse.clients.files import Files, HdfsFiles, replace
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.settings import Settings
from lakehouse.tokens.keys import Jwk, Jwks, KeyFolder, Revocations
from lakehouse.turns import Turns

_log = logging.getLogger(__name__)
_STOP_SECONDS = 1.0
_ONCE_SECONDS = 5.0


class PublicKeys(msgspec.Struct, frozen=True):
    """The document. ``issuer`` is the ``kid`` of the key that signs: only who knows it may publish another one."""

    issuer: str
    keys: list[Jwk]
    revocations: Revocations


class KeyExchange:
    """Between one key folder and one warehouse."""

    def __init__(self, files: Files, layout: Layout, folder: KeyFolder) -> None:
        self._files = files
        self._layout = layout
        self._folder = folder
        self._given: PublicKeys | None = None
        self._taken: tuple[int, int] | None = None

    def round(self) -> None:
        """Raises an error of the file system, or RefusedError where another issuer has published."""
        if self._folder.signing.exists():
            self._give()
        else:
            self._take()

    def _give(self) -> None:
        """Without the folder's lock, which commands wait for: of two at once the later round puts it right."""
        signing = msgspec.json.decode(self._folder.signing.read_bytes(), type=Jwk)
        public = [msgspec.structs.replace(key, d=UNSET) for key in self._folder.read_jwks().keys]
        mine = PublicKeys(signing.kid, public, self._folder.read_revocations())
        if mine == self._given:
            return
        path, there = self._layout.public_keys, self._published()
        if there is not None and all(key.kid != there.issuer for key in public):
            raise RefusedError(
                f"{path} on HDFS has the keys of another issuer ({there.issuer}): what is signed or revoked here holds "
                "on this host only. Do it there, or delete that file if the issuer is gone"
            )
        if there != mine:
            replace(self._files, self._layout.staging, path, msgspec.json.encode(mine))
        self._given = mine

    def _take(self) -> None:
        try:
            entry = self._files.stat(self._layout.public_keys)
        except NotFoundError:
            return
        if (stamp := (entry.modified_at, entry.size)) == self._taken:
            return
        if (there := self._published()) is not None:
            with self._folder.locked():
                self._folder.write_revocations(there.revocations)
                self._folder.write_jwks(Jwks(there.keys))
            self._taken = stamp

    def _published(self) -> PublicKeys | None:
        try:
            return msgspec.json.decode(self._files.read(self._layout.public_keys), type=PublicKeys)
        except NotFoundError:
            return None


class Rounds(Protocol):
    def round(self) -> None: ...


class KeyPoller:
    """Rounds of an exchange, or of an edge's look at its keys, in a thread of a service."""

    def __init__(self, exchange: Rounds, interval: float) -> None:
        self._exchange = exchange
        self._interval = interval
        self._failure: str | None = None
        self._turns = Turns("keys", self._turn, "keys are not compared with those on HDFS; the ones known stay")
        self._turns.start()

    def stop(self) -> None:
        self._turns.stop(_STOP_SECONDS)

    def _turn(self) -> float:
        try:
            self._exchange.round()
            self._failure = None
        except Exception as error:  # the next round tries again, whatever it was
            if str(error) != self._failure:
                _log.warning("keys are not compared with those on HDFS: %s; the ones known stay", error)
            self._failure = str(error)
        return self._interval


@contextmanager
def exchanging(settings: Settings) -> Iterator[None]:
    """For a service: as long as it runs."""
    poller = KeyPoller(exchange_of(settings), settings.tokens.exchange_interval.total_seconds())
    try:
        yield
    finally:
        poller.stop()


def exchange_once(settings: Settings) -> str | None:
    """For a command: why other hosts do not know yet; None if they will in a moment. Waits for some seconds at
    most, and raises RefusedError where another issuer has published."""
    address = urlsplit(settings.hdfs_url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), 1).close()
    except OSError:
        return f"{settings.hdfs_url} does not answer; services of this host try again"
    failed: list[Exception] = []
    thread = threading.Thread(target=_attempt, args=(exchange_of(settings), failed), daemon=True)
    thread.start()
    thread.join(_ONCE_SECONDS)
    if failed and isinstance(failed[0], RefusedError):
        raise failed[0]
    if thread.is_alive():
        return f"{settings.hdfs_url} does not answer in time; services of this host try again"
    return str(failed[0]) if failed else None


def _attempt(exchange: KeyExchange, failed: list[Exception]) -> None:
    try:
        exchange.round()
    except Exception as error:
        failed.append(error)


def exchange_of(settings: Settings) -> KeyExchange:
    return KeyExchange(HdfsFiles(settings.hdfs_url), Layout(settings.warehouse), KeyFolder(settings.keys_path))
