"""The files of an append log that were ended, on their way to the disk.

In: open handles. Out: the files on disk for good, oldest first. Promise: a sync that has failed is never taken back. A
kernel may have let go of what it could not write, and call the next sync a success; so a file whose sync has failed is
on disk only once a copy of it is.
"""

import errno
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.atomic_file import write_file

_log = logging.getLogger(__name__)


@dataclass
class _Ended:
    """``checksum`` is not known of a file of an earlier run. ``doubted`` once a sync of it has failed."""

    handle: int
    checksum: int | None
    doubted: bool


class EndedFiles:
    """Not safe for threads: whoever syncs the log holds a lock."""

    def __init__(self, path_of: Callable[[int], Path], sync_file: Callable[[int], None]) -> None:
        self._path_of = path_of
        self._sync_file = sync_file
        self._files: dict[int, _Ended] = {}

    def add(self, number: int, handle: int, checksum: int | None, doubted: bool = False) -> None:
        """Takes over the handle."""
        self._files[number] = _Ended(handle, checksum, doubted)

    def settle(self) -> Iterator[int]:
        """Yields each file that has come to the disk; raises OSError at the first that cannot be brought there. It is
        tried again by the next call."""
        for number, file in sorted(self._files.items()):
            if not file.doubted:
                self._sync(number, file)
            if file.doubted:
                self._copy(number, file.checksum)
            os.close(file.handle)
            del self._files[number]
            yield number

    def _sync(self, number: int, file: _Ended) -> None:
        file.doubted = True  # until the contrary is known
        try:
            self._sync_file(file.handle)
        except OSError:
            _log.exception("%s does not sync; what it holds is copied", self._path_of(number))
        else:
            file.doubted = False

    def _copy(self, number: int, checksum: int | None) -> None:
        """Puts the same bytes under the same name, on other blocks."""
        path = self._path_of(number)
        data = path.read_bytes()
        if checksum is not None and zlib.crc32(data) != checksum:
            raise OSError(errno.EIO, "the disk does not give back what it took", str(path))
        write_file(path, data)
