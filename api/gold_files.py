"""Gold tables as they lie on HDFS: which files a version has, which came since another, and their rows.

In: a table's folder, as the release names it, and Delta versions. Out: paths of data files and Arrow tables. The only
module here that reads Delta; it blocks, so it is called from a thread.
"""

from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from api.gold_rows import KEY_COLUMNS
from lakehouse.clients.files import Files
from lakehouse.contracts.tables import GOLD_MEASURES
from lakehouse.delta_log import commits
from lakehouse.errors import NotReadyError


@dataclass(frozen=True)
class Changes:
    """What two Delta versions differ by: files with new rows, and all that were taken away or rewritten."""

    added: tuple[str, ...]
    removed: frozenset[str]


class GoldFiles:
    """``root_url`` is the file system's, for example ``hdfs://127.0.0.1:18003`` or ``file:///tmp/x``."""

    def __init__(self, files: Files, root_url: str) -> None:
        self._files = files
        self._root_url = root_url

    def live(self, folder: str, delta_version: int) -> tuple[str, ...]:
        """All data files of a Delta version, from its log and checkpoints."""
        self._files.stat(f"{folder}/_delta_log")
        try:
            table = DeltaTable(f"{self._root_url}{folder}", version=delta_version)
            actions = pa.table(table.get_add_actions(flatten=True))
        except (DeltaError, OSError) as error:
            raise NotReadyError(f"version {delta_version} of {folder} cannot be read: {error}") from error
        return tuple(actions["path"].to_pylist())

    def changes(self, folder: str, after: int, through: int) -> Changes:
        """Raises :class:`~lakehouse.errors.NotFoundError` where a commit between the two is no longer in the log."""
        added: list[str] = []
        removed: set[str] = set()
        for commit in commits(self._files, folder, after, through):
            if commit.data_change:
                added += [add.path for add in commit.adds]
                removed.update(commit.removes)
        return Changes(tuple(added), frozenset(removed))

    def rows(self, folder: str, path: str, table: str) -> pa.Table:
        """The keys and measures of one data file."""
        data = self._files.read(f"{folder}/{unquote(path)}")
        file = pq.ParquetFile(pa.BufferReader(data))
        wanted = (*KEY_COLUMNS, *GOLD_MEASURES[table])
        return file.read(columns=[name for name in wanted if name in file.schema_arrow.names], use_threads=False)
