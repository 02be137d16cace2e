"""Gold tables as they lie on HDFS: which files a version has, which came since another, and their rows.

In: a table's folder, as the release names it, and Delta versions. Out: paths of data files and Arrow tables. The only
module here that reads Delta; it blocks, so it is called from a thread.
"""

from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from api.serving.gold_rows import CODED_COLUMNS, KEY_COLUMNS
from lakehouse.clients.delta_log import Commit, commits
from lakehouse.clients.delta_table import live_files
from lakehouse.clients.files import Files
from lakehouse.contracts.tables import GOLD_MEASURES


class GoldFiles:
    """``root_url`` is the file system's, for example ``hdfs://127.0.0.1:18003`` or ``file:///tmp/x``."""

    def __init__(self, files: Files, root_url: str) -> None:
        self._files = files
        self._root_url = root_url

    def live(self, folder: str, delta_version: int) -> tuple[str, ...]:
        """All data files of a Delta version, from its log and checkpoints."""
        self._files.stat(f"{folder}/_delta_log")
        return live_files(f"{self._root_url}{folder}", delta_version)

    def commits(self, folder: str, after: int, through: int) -> tuple[Commit, ...]:
        """Raises :class:`~lakehouse.errors.NotFoundError` where a commit between the two is no longer in the log."""
        return tuple(commits(self._files, folder, after, through))

    def rows(self, folder: str, path: str, table: str) -> pa.Table:
        """The keys and measures of one data file."""
        data = pa.BufferReader(self._files.read(f"{folder}/{unquote(path)}"))
        metadata = pq.read_metadata(data)
        there = set(metadata.schema.names)
        coded = [name for name in CODED_COLUMNS if name in there]
        file = pq.ParquetFile(data, metadata=metadata, read_dictionary=coded)
        wanted = (*KEY_COLUMNS, *GOLD_MEASURES[table])
        return file.read(columns=[name for name in wanted if name in there], use_threads=False)
