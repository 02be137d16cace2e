"""Operations of operators, as documents on HDFS: what was requested, by whom, and what became of it.

In: a request and the name of the token that it came with. Out: ``operations/ID.json``, published once;
``ID.note.json``, replaced while it is carried out; ``ID.result.json``, published once, after which nobody touches the
operation again.
"""

import hashlib
import time
from contextlib import suppress
from enum import StrEnum
from typing import Any

import msgspec

from lakehouse.clients.files import Entry, Files, publish, replace
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, NotFoundError
from lakehouse.releases.documents import Document, decode
from lakehouse.releases.model import new_nonce
from lakehouse.transform.ops_api.requests import Request


class End(StrEnum):
    """What became of an operation."""

    DONE = "done"
    REFUSED = "refused"
    """Nothing has changed, and the same operation would be refused again."""
    FAILED = "failed"
    """It was tried until there was no hope; see the log of the transform service."""


class Operation(msgspec.Struct, frozen=True):
    """``seen`` is the release that was current when it was requested, ``definition`` the fingerprint that it names
    or, without one, that release's. Instants are microseconds since 1970."""

    id: str
    request: Request
    actor: str
    requested_at: int
    nonce: str
    seen: ReleaseNumber | None = None
    definition: str | None = None


class Note(msgspec.Struct, frozen=True):
    """What its worker has said last, and the gold version that it works on."""

    message: str
    updated_at: int
    gold_version: GoldVersionNumber | None = None


class Result(msgspec.Struct, frozen=True):
    """``message`` is the sentence of a refusal or failure, or of a rollback to what is behind; ``seconds_behind`` (of a
    rollback that is done) how far that is, 0 if it is not, None where it is complete through no hour; ``replay`` what
    was sent again, and what became of it; ``retirement`` what was booked of an edge."""

    end: End
    finished_at: int
    nonce: str
    message: str | None = None
    gold_version: GoldVersionNumber | None = None
    release: ReleaseNumber | None = None
    seconds_behind: int | None = None
    replay: dict[str, Any] | None = None
    retirement: dict[str, Any] | None = None


def new_id(actor: str, key: str | None) -> str:
    """32 hex digits: random, or of an operator and a key always the same."""
    if key is None:
        return new_nonce()
    return hashlib.sha256(f"{actor}\0{key}".encode()).hexdigest()[:32]


class Operations:
    """The operations of a warehouse."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files = files
        self._layout = layout

    def take_over_orders(self) -> None:
        """Moves the documents of the folder ``orders``, where they lay up to version 0.1.0. Safe to repeat."""
        for entry in self._files.list(self._layout.former_operations):
            with suppress(AlreadyExistsError, NotFoundError):
                self._files.rename(entry.path, f"{self._layout.operations}/{entry.name}")

    def add(self, operation: Operation) -> Operation:
        """Returns once it is durable. If the id is taken, the operation that has it."""
        try:
            publish(
                self._files, self._layout.staging, self._layout.operation(operation.id), msgspec.json.encode(operation)
            )
        except AlreadyExistsError:
            return self.get(operation.id)
        return operation

    def get(self, operation: str) -> Operation:
        """Raises :class:`NotFoundError`."""
        return decode(self._files.read(self._layout.operation(operation)), Operation)

    def note(self, operation: str) -> Note | None:
        return self._read(self._layout.operation_note(operation), Note)

    def result(self, operation: str) -> Result | None:
        return self._read(self._layout.operation_result(operation), Result)

    def say(self, operation: str, message: str, gold_version: GoldVersionNumber | None = None) -> None:
        said = Note(message, now(), gold_version)
        replace(self._files, self._layout.staging, self._layout.operation_note(operation), msgspec.json.encode(said))

    def finish(
        self,
        operation: str,
        end: End,
        *,
        message: str | None = None,
        gold_version: GoldVersionNumber | None = None,
        release: ReleaseNumber | None = None,
        seconds_behind: int | None = None,
        replay: dict[str, Any] | None = None,
        retirement: dict[str, Any] | None = None,
    ) -> Result:
        """The result. If there is one already, that one: an operation ends once."""
        ended = Result(end, now(), new_nonce(), message, gold_version, release, seconds_behind, replay, retirement)
        path = self._layout.operation_result(operation)
        try:
            publish(self._files, self._layout.staging, path, msgspec.json.encode(ended))
        except AlreadyExistsError:
            return decode(self._files.read(path), Result)
        return ended

    def newest(self, limit: int) -> list[str]:
        """Ids, newest first."""
        given = [entry for entry in self._files.list(self._layout.operations) if _kind(entry) == ""]
        return [_id(entry) for entry in sorted(given, key=lambda entry: -entry.modified_at)[:limit]]

    def unfinished(self) -> list[str]:
        """Ids of operations without a result, oldest first."""
        entries = self._files.list(self._layout.operations)
        ended = {_id(entry) for entry in entries if _kind(entry) == "result"}
        waiting = [entry for entry in entries if _kind(entry) == "" and _id(entry) not in ended]
        return [_id(entry) for entry in sorted(waiting, key=lambda entry: entry.modified_at)]

    def _read(self, path: str, kind: type[Document]) -> Document | None:
        try:
            return decode(self._files.read(path), kind)
        except NotFoundError:
            return None


def now() -> int:
    return time.time_ns() // 1000


def _id(entry: Entry) -> str:
    return entry.name.partition(".")[0]


def _kind(entry: Entry) -> str:
    """``note``, ``result``, or '' for the operation itself."""
    return entry.name.partition(".")[2].removesuffix("json").removesuffix(".")
