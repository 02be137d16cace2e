"""The files of a Delta table, as its log and its folder tell: what belongs to some version, and what merely lies there.

In: a table's folder, and the oldest Delta version that must stay readable. Out: the data files of that version and of
all after it, and what else is in the folder. A log that begins with a checkpoint is read from there. Nothing is changed
here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlparse

from lakehouse.clients import delta_log
from lakehouse.clients.files import Entry, Files
from lakehouse.errors import LakehouseError

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")


class BrokenLogError(LakehouseError):
    """A table's log does not tell which files it has: nothing of it may be removed."""


@dataclass(frozen=True)
class _Log:
    """The numbered files of ``_delta_log``, oldest first."""

    commits: dict[int, Entry]
    checkpoints: dict[int, Entry]

    @classmethod
    def of(cls, files: Files, folder: str) -> "_Log":
        entries = files.list(_log_folder(folder))
        return cls(_numbered(entries, _COMMIT), _numbered(entries, _CHECKPOINT))


def data_files(files: Files, folder: str) -> Iterator[tuple[str, Entry]]:
    """Every file of the table but those of its log, with its path relative to the folder; drafts of commits, too."""
    for entry in files.list(folder):
        if not entry.name.startswith(("_", ".")):
            yield from _below(files, entry, entry.name)
    for entry in files.list(_log_folder(folder)):
        if entry.name.startswith(".") and entry.name.endswith(".tmp"):
            yield f"_delta_log/{entry.name}", entry


def kept(files: Files, folder: str, since: int | None) -> frozenset[str]:
    """What versions ``since`` to the head have, by path relative to the table's folder; None is all, of a table that
    nobody names and that may have no version yet. Raises :class:`BrokenLogError`. Costs one read a commit."""
    log = _Log.of(files, folder)
    if not log.commits and since is None:
        return frozenset()
    since = since or 0
    head, known = max(log.commits, default=-1), _known_from(log) if log.commits else 0
    if not known <= since <= head:
        told = f"tells {max(known, 0)} to {head}" if log.commits else "is empty"
        raise BrokenLogError(
            f"version {since} of {folder} is needed, and its log {told}: commits of it are lost. Nothing has been "
            f"changed; put them back from a copy, or {delta_log.BUILDS_ANEW}"
        )
    live = _live_at(files, folder, log, since)
    for commit in delta_log.commits(files, folder, since, head):
        live |= {relative(folder, add.path) for add in commit.adds}
    return frozenset(live)


def size(files: Files, folder: str) -> int:
    """The length of all files below a folder, in bytes."""
    return sum(size(files, entry.path) if entry.is_folder else entry.size for entry in files.list(folder))


def missing(files: Files, folder: str, delta_version: int) -> list[str]:
    """The data files of a Delta version that are not there (any more): with any, it cannot be read."""
    log = _Log.of(files, folder)
    known = _known_from(log) if log.commits else 0
    if not known <= delta_version <= max(log.commits, default=-1):
        return [f"_delta_log/{delta_version:020d}.json"]
    live = _live_at(files, folder, log, delta_version)
    return sorted(live - {path for path, _ in data_files(files, folder)})


def _live_at(files: Files, folder: str, log: _Log, delta_version: int) -> set[str]:
    """The files of a version that the log tells."""
    known = _known_from(log)
    live = _checkpoint(files, log.checkpoints[known]) if known >= 0 else set()
    for commit in delta_log.commits(files, folder, known, delta_version):
        live -= {relative(folder, path) for path in commit.removes}
        live |= {relative(folder, add.path) for add in commit.adds}
    return live


def _below(files: Files, entry: Entry, path: str) -> Iterator[tuple[str, Entry]]:
    if not entry.is_folder:
        yield path, entry
        return
    for child in files.list(entry.path):
        yield from _below(files, child, f"{path}/{child.name}")


def _known_from(log: _Log) -> int:
    """The version at which a replay begins: -1, or the oldest checkpoint after which no commit is missing."""
    first = min(log.commits)
    if first == 0:
        return -1
    return min((number for number in log.checkpoints if number >= first - 1), default=max(log.commits) + 1)


def _checkpoint(files: Files, entry: Entry) -> set[str]:
    """The live files of a checkpoint. One without that column is refused: to take it for empty would condemn every
    file."""
    import pyarrow as pa  # takes long to import, and most logs need no checkpoint
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(files.read(entry.path))).read(columns=["add.path"])
        adds = table.column("add").to_pylist()
    except (pa.ArrowException, OSError, KeyError) as error:
        raise BrokenLogError(
            f"{entry.path}, a checkpoint that its log begins with, cannot be read: {error}. Nothing has been changed; "
            f"put it back from a copy, or {delta_log.BUILDS_ANEW}"
        ) from error
    folder = entry.path.rpartition("/_delta_log/")[0]
    return {relative(folder, add["path"]) for add in adds if add and add["path"] is not None}


def _numbered(entries: list[Entry], pattern: re.Pattern[str]) -> dict[int, Entry]:
    matches = ((pattern.fullmatch(entry.name), entry) for entry in entries)
    return {int(match[1]): entry for match, entry in matches if match}


def relative(folder: str, path: str) -> str:
    """An action's path as it lies in the folder: it is URL-encoded, and may be absolute."""
    plain = unquote(urlparse(path).path if "://" in path else path)
    return plain.removeprefix(f"{folder}/")


def _log_folder(folder: str) -> str:
    return f"{folder}/_delta_log"
