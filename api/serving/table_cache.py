"""Gold tables in memory, brought forward file by file.

In: the folders and Delta versions that a release names. Out: runs in memory that answer for that release and for
every older one of the same gold version. Only files that came since the last load are read; where files that had been
loaded were rewritten, the whole table is read again beside the old rows, and takes their place when it is complete.
"""

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from api.serving.delta_changes import changes_since
from api.serving.gold_files import GoldFiles
from api.serving.gold_rows import run_from_arrow
from api.serving.runs import Currencies, Run, add_run, merge, to_merge
from lakehouse.contracts.tables import GOLD_MEASURES, GOLD_SCHEMA
from lakehouse.errors import NotFoundError, NotReadyError
from lakehouse.releases.model import TableState

READ_THREADS = 2
"""Files that are read at once where a request or a release waits."""

_NICENESS = 10
"""Measured while 40 million rows were loaded: the slowest of 2,500 answers took 11 ms with it, 26 without, and 9 with
nothing being loaded."""

_log = logging.getLogger(__name__)


class CachedTable:
    """The gold table in one folder. ``runs`` may be read by any thread at any time: it is replaced as a whole."""

    def __init__(self, gold: GoldFiles, folder: str, table: str) -> None:
        self._gold = gold
        self._folder = folder
        self._table = table
        self._delta_version = -1
        self._live: frozenset[str] = frozenset()
        self._lock = Lock()
        self._closed = False
        self.currencies = Currencies()
        self.runs: tuple[Run, ...] = ()

    def holds(self, delta_version: int) -> bool:
        return delta_version <= self._delta_version

    def advance(self, delta_version: int, threads: int) -> None:
        """Loads at least what that Delta version holds. Blocks; safe to repeat after an error."""
        if self.holds(delta_version):
            return
        with self._lock:
            if self.holds(delta_version):
                return
            if self._delta_version < 0 or not self._append(delta_version, threads):
                self._reload(delta_version, threads)
            self._delta_version = delta_version

    def tidy(self) -> None:
        """Merges runs of like size, where that takes longer than a release may wait for its rows."""
        while not self._closed and (parts := to_merge(self.runs)):
            whole = merge(parts)
            with self._lock:
                first = next((place for place, run in enumerate(self.runs) if run is parts[0]), None)
                if first is None or self.runs[first : first + len(parts)] != parts:
                    return  # The whole table has been read again meanwhile.
                self.runs = (*self.runs[:first], whole, *self.runs[first + len(parts) :])

    def close(self) -> None:
        """Ends a load that is under way, with an error."""
        self._closed = True

    def _append(self, delta_version: int, threads: int) -> bool:
        """False where that is not possible: a loaded file was rewritten, or the log no longer reaches back."""
        try:
            commits = self._gold.commits(self._folder, self._delta_version, delta_version)
            changes = changes_since(self._live, commits)
            if changes is None:
                return False
            self.runs = add_run(self.runs, self._read(changes.new, threads)) if changes.new else self.runs
        except NotFoundError:
            return False
        self._live = changes.live
        return True

    def _reload(self, delta_version: int, threads: int) -> None:
        paths = self._gold.live(self._folder, delta_version)
        _log.info("reading %d files of %s at version %d", len(paths), self._folder, delta_version)
        self.runs = add_run((), self._read(paths, threads)) if paths else ()
        self._live = frozenset(paths)

    def _read(self, paths: Iterable[str], threads: int) -> Run:
        with ThreadPoolExecutor(threads, thread_name_prefix="reader") as pool:
            return merge(list(pool.map(self._run, paths)))

    def _run(self, path: str) -> Run:
        if self._closed:
            raise NotReadyError(f"{self._folder} is no longer being loaded")
        rows = self._gold.rows(self._folder, path, self._table)
        return run_from_arrow(rows, GOLD_MEASURES[self._table], self.currencies)


class TableCache:
    """Cached tables by folder. Of those that are neither shown nor pinned, the ``kept`` most recently used
    stay; the others are forgotten (what is in use lives on in its views)."""

    def __init__(self, gold: GoldFiles, kept: int = 2 * len(GOLD_MEASURES)) -> None:
        self._gold = gold
        self._kept = kept
        self._lock = Lock()
        self._by_folder: dict[str, CachedTable] = {}
        self._shown: frozenset[str] = frozenset()
        self._pinned: frozenset[str] = frozenset()

    def loaded(self, states: Mapping[str, TableState]) -> dict[str, CachedTable] | None:
        """The tables by name, if each holds the Delta version named."""
        with self._lock:
            if not all(self._is_loaded(state) for state in states.values()):
                return None
            return {table: self._touch(table, state.location) for table, state in states.items()}

    def load(self, states: Mapping[str, TableState], threads: int = READ_THREADS) -> dict[str, CachedTable]:
        """The tables by name, loaded at least up to the Delta versions named. Blocks."""
        with self._lock:
            tables = {table: self._touch(table, state.location) for table, state in states.items()}
            self._forget_beyond(self._kept)
        for table, state in states.items():
            tables[table].advance(state.delta_version, threads)
        return tables

    def show(self, states: Mapping[str, TableState]) -> dict[str, CachedTable]:
        """As :meth:`load`, and these are what readers are shown from now on."""
        with self._lock:
            self._shown = frozenset(state.location for state in states.values())
        return self.load(states)

    def pin(self, folders: Iterable[str]) -> None:
        """From now on these are kept, and of the others the most recently used."""
        with self._lock:
            self._pinned = frozenset(folders)
            self._forget_beyond(self._kept)

    def forget(self, folders: Iterable[str]) -> None:
        with self._lock:
            for folder in set(folders) - self._pinned - self._shown:
                self._by_folder.pop(folder, None)

    def holds(self, folder: str) -> bool:
        return folder in self._by_folder

    def tidy(self) -> None:
        for table in tuple(self._by_folder.values()):
            table.tidy()

    def close(self) -> None:
        for table in tuple(self._by_folder.values()):
            table.close()

    def _is_loaded(self, state: TableState) -> bool:
        table = self._by_folder.get(state.location)
        return table is not None and table.holds(state.delta_version)

    def _touch(self, table: str, folder: str) -> CachedTable:
        cached = self._by_folder.pop(folder, None) or CachedTable(self._gold, folder, table)
        self._by_folder[folder] = cached
        return cached

    def _forget_beyond(self, kept: int) -> None:
        free = [folder for folder in self._by_folder if folder not in self._pinned | self._shown]
        for folder in free[: max(0, len(free) - kept)]:
            del self._by_folder[folder]


def gold_tables(tables: Mapping[str, TableState]) -> dict[str, TableState]:
    """The gold tables, of those that a release or snapshot names, that this code knows."""
    return {table: tables[name] for table in GOLD_MEASURES if (name := f"{GOLD_SCHEMA}.{table}") in tables}


def lower_priority() -> None:
    """The thread that calls this, and those that it starts, run at the lowest priority."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)
