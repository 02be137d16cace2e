"""Orders of operators, as documents on HDFS: what was asked, by whom, and what became of it.

In: a wish and the name of the token that it came with. Out: ``orders/ID.json``, published once; ``ID.note.json``,
replaced while it is carried out; ``ID.result.json``, published once, after which nobody touches the order again.
"""

import hashlib
import time
from enum import StrEnum
from typing import TypeVar

import msgspec

from lakehouse.clients.files import Entry, Files, publish, replace
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, NotFoundError
from lakehouse.releases.model import new_nonce
from lakehouse.transform.ops_api.requests import Wish

T = TypeVar("T")


class End(StrEnum):
    """What became of an order."""

    DONE = "done"
    REFUSED = "refused"
    """Nothing has changed, and the same order would be refused again."""
    FAILED = "failed"
    """It was tried until there was no hope; see the log of the transform service."""


class Order(msgspec.Struct, frozen=True):
    """``seen`` is the release that was current when the order was given, ``definition`` the fingerprint that it names
    or, without one, that release's. Instants are microseconds since 1970."""

    id: str
    wish: Wish
    actor: str
    ordered_at: int
    nonce: str
    seen: int | None = None
    definition: str | None = None


class Note(msgspec.Struct, frozen=True):
    """What its carrier has said last, and the gold version that it works on."""

    says: str
    updated_at: int
    gold_version: int | None = None


class Result(msgspec.Struct, frozen=True):
    """``says`` is the sentence of a refusal or failure, or of a rollback to what is behind; ``seconds_behind`` (of a
    rollback that is done) how far that is, 0 if it is not, None where it is complete through no hour."""

    end: End
    finished_at: int
    nonce: str
    says: str | None = None
    gold_version: int | None = None
    release: int | None = None
    seconds_behind: int | None = None


def new_id(actor: str, key: str | None) -> str:
    """32 hex digits: random, or of an operator and his key always the same."""
    if key is None:
        return new_nonce()
    return hashlib.sha256(f"{actor}\0{key}".encode()).hexdigest()[:32]


class Orders:
    """The orders of a warehouse."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files = files
        self._layout = layout

    def give(self, order: Order) -> Order:
        """Returns once it is durable. If the id is taken, the order that has it."""
        try:
            publish(self._files, self._layout.staging, self._layout.order(order.id), msgspec.json.encode(order))
        except AlreadyExistsError:
            return self.get(order.id)
        return order

    def get(self, order: str) -> Order:
        """Raises :class:`NotFoundError`."""
        return msgspec.json.decode(self._files.read(self._layout.order(order)), type=Order)

    def note(self, order: str) -> Note | None:
        return self._read(self._layout.order_note(order), Note)

    def result(self, order: str) -> Result | None:
        return self._read(self._layout.order_result(order), Result)

    def say(self, order: str, says: str, gold_version: int | None = None) -> None:
        said = Note(says, now(), gold_version)
        replace(self._files, self._layout.staging, self._layout.order_note(order), msgspec.json.encode(said))

    def finish(
        self,
        order: str,
        end: End,
        *,
        says: str | None = None,
        gold_version: int | None = None,
        release: int | None = None,
        seconds_behind: int | None = None,
    ) -> Result:
        """The result. If there is one already, that one: an order ends once."""
        ended = Result(end, now(), new_nonce(), says, gold_version, release, seconds_behind)
        path = self._layout.order_result(order)
        try:
            publish(self._files, self._layout.staging, path, msgspec.json.encode(ended))
        except AlreadyExistsError:
            return msgspec.json.decode(self._files.read(path), type=Result)
        return ended

    def newest(self, limit: int) -> list[str]:
        """Ids, newest first."""
        given = [entry for entry in self._files.list(self._layout.orders) if _kind(entry) == ""]
        return [_id(entry) for entry in sorted(given, key=lambda entry: -entry.modified_at)[:limit]]

    def unfinished(self) -> list[str]:
        """Ids of orders without a result, oldest first."""
        entries = self._files.list(self._layout.orders)
        ended = {_id(entry) for entry in entries if _kind(entry) == "result"}
        waiting = [entry for entry in entries if _kind(entry) == "" and _id(entry) not in ended]
        return [_id(entry) for entry in sorted(waiting, key=lambda entry: entry.modified_at)]

    def _read(self, path: str, kind: type[T]) -> T | None:
        try:
            return msgspec.json.decode(self._files.read(path), type=kind)
        except NotFoundError:
            return None


def now() -> int:
    return time.time_ns() // 1000


def _id(entry: Entry) -> str:
    return entry.name.partition(".")[0]


def _kind(entry: Entry) -> str:
    """``note``, ``result``, or '' for the order itself."""
    return entry.name.partition(".")[2].removesuffix("json").removesuffix(".")
