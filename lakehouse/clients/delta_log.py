"""Reads the commits of a Delta table straight from its log, with no engine in between.

In: :class:`~lakehouse.clients.files.Files` and a table's folder (a path of ``contracts.layout``). Out: each version's
writer, query, user metadata and files, as its one ``_delta_log/N.json`` has them. deltalake reads no single commit:
its history has neither files nor ``txn`` actions, and its live files are ``delta_table``'s. Promise: what is read here
is what every reader of the table will see: a commit exists once its file does, and never changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from lakehouse.clients.files import Files
from lakehouse.contracts.commit_info import BronzeCommit
from lakehouse.errors import NotFoundError
from lakehouse.instants import from_millis

BUILDS_ANEW = (
    "`lakehouse reprocess` builds silver and gold anew, as another gold version; with --from raw, bronze as well"
)
"""What an operator can do about a table that is damaged, as the end of a sentence."""


@dataclass(frozen=True)
class Add:
    """A data file that a commit brought in; ``path`` is relative to the table and URL-encoded."""

    path: str
    size: int
    partition: dict[str, str | None]
    data_change: bool
    stats: str | None


@dataclass(frozen=True)
class Commit:
    """One version of a table. ``timestamp`` is the writer's clock: good for reading, never for order."""

    version: int
    timestamp: datetime
    operation: str
    data_change: bool
    """False where rows stayed as they were: compaction, change of properties, creation."""
    user_metadata: str | None
    query_id: str | None
    """The Trino query that wrote it; None for other engines."""
    engine: str | None
    transactions: dict[str, int]
    """Delta's ``txn`` actions: the version that this commit set for each application id."""
    adds: tuple[Add, ...]
    removes: tuple[str, ...]


def commit_path(table_path: str, version: int) -> str:
    return f"{table_path}/_delta_log/{version:020d}.json"


def read_commit(files: Files, table_path: str, version: int) -> Commit:
    """One commit; raises :class:`NotFoundError` if there is no such version (yet, or any more)."""
    return parse_commit(version, files.read(commit_path(table_path, version)))


def commits(files: Files, table_path: str, after: int, through: int) -> Iterator[Commit]:
    """The commits with ``after`` < version <= ``through``, oldest first. A hole is an error."""
    for version in range(after + 1, through + 1):
        try:
            yield read_commit(files, table_path, version)
        except NotFoundError as error:
            raise NotFoundError(
                f"version {version} of {table_path} is not in its log, although {through} was asked for: commits of it "
                f"are lost. Remove nothing there, and put them back from a copy; without one, {BUILDS_ANEW}"
            ) from error


def commits_since(files: Files, table_path: str, after: int) -> Iterator[Commit]:
    """The commits after a version up to the newest one, found by asking for the next until there is none."""
    version = after + 1
    while (commit := _read_if_there(files, table_path, version)) is not None:
        yield commit
        version += 1


def head_version(files: Files, table_path: str) -> int | None:
    """The newest version, or None if there is no table. Costs one listing of the log's folder."""
    entries = files.list(f"{table_path}/_delta_log")
    return max((_version_of(entry.name) for entry in entries if _is_commit(entry.name)), default=None)


def bronze_commit(commit: Commit) -> BronzeCommit | None:
    """What the bronze writer stated with this commit; None where another job wrote it (compaction)."""
    if commit.user_metadata is None:
        return None
    try:
        return msgspec.json.decode(commit.user_metadata, type=BronzeCommit)
    except msgspec.DecodeError:
        return None


def parse_commit(version: int, data: bytes) -> Commit:
    """The content of an ``N.json``: one JSON object a line, each holding one action."""
    actions = [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    adds = tuple(_add(action["add"]) for action in actions if "add" in action)
    removes = [action["remove"] for action in actions if "remove" in action]
    return Commit(
        version=version,
        timestamp=from_millis(info.get("timestamp", 0)),
        operation=str(info.get("operation", "")),
        data_change=any(add.data_change for add in adds) or any(r.get("dataChange", True) for r in removes),
        user_metadata=info.get("userMetadata"),
        query_id=info.get("operationParameters", {}).get("queryId"),
        engine=info.get("engineInfo") or info.get("clusterId"),
        transactions={a["txn"]["appId"]: int(a["txn"]["version"]) for a in actions if "txn" in a},
        adds=adds,
        removes=tuple(str(remove["path"]) for remove in removes),
    )


def _add(action: dict[str, Any]) -> Add:
    return Add(
        path=action["path"],
        size=int(action["size"]),
        partition=action.get("partitionValues", {}),
        data_change=bool(action.get("dataChange", True)),
        stats=action.get("stats"),
    )


def _read_if_there(files: Files, table_path: str, version: int) -> Commit | None:
    try:
        return read_commit(files, table_path, version)
    except NotFoundError:
        return None


def _is_commit(name: str) -> bool:
    stem, _, suffix = name.partition(".")
    return len(stem) == 20 and stem.isdigit() and suffix == "json"


def _version_of(name: str) -> int:
    return int(name[:20])
