"""Serving copies of gold tables, brought forward file by file.

In: the folders and Delta versions that a release names. Out: runs in memory that answer for that release and for
every older one of the same gold version. Only files that came since the last load are read; where files that had been
loaded were rewritten, the copy is read anew beside the old one, and takes its place when it is whole.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Lock

import pyarrow as pa

from api.gold_files import GoldFiles
from api.gold_rows import run_from_arrow
from api.runs import Currencies, Run, add_run
from lakehouse.contracts.tables import GOLD_MEASURES
from lakehouse.errors import NotFoundError
from lakehouse.releases.model import TableState

FILES_AT_ONCE = 32
READERS = 4

_log = logging.getLogger(__name__)


class TableCopy:
    """The gold table in one folder. ``runs`` may be read by any thread at any time: it is replaced as a whole."""

    def __init__(self, gold: GoldFiles, folder: str, table: str) -> None:
        self._gold = gold
        self._folder = folder
        self._table = table
        self._delta_version = -1
        self._loaded: set[str] = set()
        self._lock = Lock()
        self.currencies = Currencies()
        self.runs: tuple[Run, ...] = ()

    def holds(self, delta_version: int) -> bool:
        return delta_version <= self._delta_version

    def advance(self, delta_version: int) -> None:
        """Loads at least what that Delta version holds. Blocks; safe to repeat after an error."""
        with self._lock:
            if self.holds(delta_version):
                return
            if self._delta_version < 0 or not self._append(delta_version):
                self._reload(delta_version)
            self._delta_version = delta_version

    def _append(self, delta_version: int) -> bool:
        """False where that is not possible: a loaded file was rewritten, or the log no longer reaches back."""
        try:
            changes = self._gold.changes(self._folder, self._delta_version, delta_version)
            if changes.removed & (self._loaded | set(changes.added)):
                return False
            new = [path for path in changes.added if path not in self._loaded]
            self.runs = self._read(new, self.runs)
        except NotFoundError:
            return False
        self._loaded.update(new)
        return True

    def _reload(self, delta_version: int) -> None:
        paths = self._gold.live(self._folder, delta_version)
        _log.info("reading %d files of %s at version %d", len(paths), self._folder, delta_version)
        self.runs = self._read(paths, ())
        self._loaded = set(paths)

    def _read(self, paths: Iterable[str], runs: tuple[Run, ...]) -> tuple[Run, ...]:
        """A batch of files becomes a run; memory holds no more than a batch beyond what is kept."""
        for tables in self._batches(paths):
            rows = pa.concat_tables(tables, promote_options="default")
            runs = add_run(runs, run_from_arrow(rows, GOLD_MEASURES[self._table], self.currencies))
        return runs

    def _batches(self, paths: Iterable[str]) -> Iterator[list[pa.Table]]:
        waiting = iter(paths)
        with ThreadPoolExecutor(READERS) as readers:
            while batch := list(islice(waiting, FILES_AT_ONCE)):
                yield list(readers.map(lambda path: self._gold.rows(self._folder, path, self._table), batch))


class Copies:
    """Copies by folder. The least recently used beyond ``kept`` are forgotten (those in use live on in their views)."""

    def __init__(self, gold: GoldFiles, kept: int = 4 * len(GOLD_MEASURES)) -> None:
        self._gold = gold
        self._kept = kept
        self._lock = Lock()
        self._by_folder: dict[str, TableCopy] = {}

    def of(self, states: Mapping[str, TableState]) -> dict[str, TableCopy]:
        """The copies of tables by name, loaded or not."""
        with self._lock:
            found = {table: self._touch(table, state.location) for table, state in states.items()}
            while len(self._by_folder) > self._kept:
                del self._by_folder[next(iter(self._by_folder))]
            return found

    def loaded(self, states: Mapping[str, TableState]) -> dict[str, TableCopy] | None:
        """The copies, if each holds the Delta version named."""
        copies = self.of(states)
        whole = all(copies[table].holds(state.delta_version) for table, state in states.items())
        return copies if whole else None

    def load(self, states: Mapping[str, TableState]) -> dict[str, TableCopy]:
        """The copies, loaded at least up to the Delta versions named. Blocks."""
        copies = self.of(states)
        for table, state in states.items():
            copies[table].advance(state.delta_version)
        return copies

    def _touch(self, table: str, folder: str) -> TableCopy:
        copy = self._by_folder.pop(folder, None) or TableCopy(self._gold, folder, table)
        self._by_folder[folder] = copy
        return copy
