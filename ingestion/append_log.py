"""An append-only log of lines in numbered files: the queue between the HTTP route and everything behind it.

In: lines. Out: the same lines, in order, from any :class:`Cursor` on, also after ``kill -9``. Promise: a line counts
once :meth:`AppendLog.append` has returned: the kernel holds it then, and it survives the process; what lies before
:attr:`AppendLog.synced` survives the machine. When a sync fails, the file is ended and another begins (see
``ended_files``). Only what was never acknowledged can be torn, and only at the very end.
"""

import logging
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

from ingestion.atomic_file import sync_folder, write_file
from ingestion.ended_files import EndedFiles
from ingestion.tail_cache import Cursor, Line, TailCache
from lakehouse.errors import NotReadyError

SUFFIX = ".ndjson"
_CHUNK = 1 << 20
_log = logging.getLogger(__name__)


class AppendLog:
    """One log in one folder. Appends come from one thread, reads and the rest from others.

    ``prefix`` begins the names of the files.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder = folder
        self._prefix = prefix
        self.lock = threading.RLock()
        """Held for moments, never while the disk is waited for. While an owner holds it, :attr:`end` stays."""
        self._sync_lock = threading.Lock()  # whoever closes a handle holds it
        self._cache = TailCache()
        self._handle: int | None = None
        self._checksum = 0  # of the file that is being written
        self._ended = EndedFiles(self.path, self._sync_file)
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        self.sizes: dict[int, int] = {number: self.path(number).stat().st_size for number in sorted(self._numbers())}
        self._before: dict[int, int] = {}
        """How many bytes all files before one have had together, so that a long outage costs no walk through them."""
        self._total = 0
        self._add_up()
        self.end = Cursor(max(self.sizes, default=-1) + 1, 0)
        """Where the next line goes. A log that is opened never appends to a file of an earlier run."""
        self.synced = Cursor(min(self.sizes, default=self.end.number), 0)
        """All lines before it are on disk for good."""
        self._folder_synced = False
        for number in self.sizes:  # one open file at a time: a long outage leaves more than a process may open
            self._ended.add(number, os.open(self.path(number), os.O_RDONLY | os.O_CLOEXEC), None)
            self._settle_ended()

    def path(self, number: int) -> Path:
        return self.folder / f"{self._prefix}-{number}{SUFFIX}"

    def append(self, text: bytes) -> Cursor:
        """Writes one line, and says where it ends; raises NotReadyError if the disk does not take it."""
        with self.lock:
            try:
                handle = self._open()
                data = text + b"\n"
                self._write(handle, data)
            except OSError as error:
                raise NotReadyError(f"{self.folder} does not take a line: {error}. Free space on its disk.") from error
            self._checksum = zlib.crc32(data, self._checksum)
            start, self.end = self.end, Cursor(self.end.number, self.end.offset + len(data))
            self.sizes[self.end.number] = self.end.offset
            self._before.setdefault(self.end.number, self._total)
            self._total += len(data)
            self._cache.add(start, Line(text, self.end))
            return self.end

    def roll(self) -> None:
        """Ends the file that is being written; the next line begins another. The ended file is on disk for good.

        Raises OSError like :meth:`sync`; the file is ended then, too.
        """
        with self._sync_lock:
            with self.lock:
                self._end_file()
            self._settle_ended()

    def sync(self) -> Cursor:
        """Returns :attr:`synced` once every line appended until now is on disk, or raises OSError: then nothing is
        said of lines behind :attr:`synced`, and the next call tries again with a copy."""
        with self._sync_lock:
            self._settle_ended()
            with self.lock:
                end, handle = self.end, self._handle
            if handle is not None and self.synced < end:
                try:
                    self._sync_file(handle)
                except OSError:
                    _log.exception("%s does not sync: another file begins, and this one is copied", self.folder)
                    with self.lock:
                        self._end_file(doubted=True)
                    self._settle_ended()
            self.synced = max(self.synced, end)
            return self.synced

    def ended(self) -> list[int]:
        """The files that will not change any more and are on disk, oldest first."""
        with self.lock:
            return sorted(number for number in self.sizes if number < self.synced.number)

    def read(self, after: Cursor, limit: int) -> list[Line]:
        """Lines from ``after`` on, at least one if there is any, else of at most ``limit`` bytes together."""
        with self.lock:
            start = self._cache.next_start(after)
            if start is not None and (start == after or self._is_next(after, start)):
                return self._cache.take(limit)
            end, sizes = self.end, dict(self.sizes)
        for number in range(after.number, end.number + 1):
            offset = after.offset if number == after.number else 0
            if offset < sizes.get(number, 0):
                return self._from_file(number, offset, sizes[number], limit)
        return []

    def first(self) -> Cursor:
        """The oldest place that is still there."""
        with self.lock:
            return Cursor(min(self.sizes), 0) if self.sizes else self.end

    def delete(self, number: int) -> None:
        """Forgets an ended file."""
        self.path(number).unlink(missing_ok=True)
        with self.lock:
            self.sizes.pop(number, None)
            self._before.pop(number, None)
            if any(older < number for older in self.sizes):  # else what is left stays as far apart as it was
                self._add_up()

    def bytes_after(self, cursor: Cursor) -> int:
        """How much there is behind a place."""
        with self.lock:
            before = self._before.get(cursor.number)
            if before is not None:
                return self._total - before - cursor.offset
            return sum(size for number, size in self.sizes.items() if number > cursor.number)

    def cut(self, number: int, size: int) -> None:
        """Removes a torn tail."""
        with self.path(number).open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())
        self.sizes[number] = size
        self._add_up()

    def replace(self, number: int, data: bytes) -> None:
        """Gives an ended file other lines, in one step."""
        write_file(self.path(number), data)
        self.sizes[number] = len(data)
        self._add_up()

    def drop_torn_tail(self) -> None:
        """Cuts each file after its last newline."""
        for number, size in list(self.sizes.items()):
            whole = self.path(number).read_bytes().rfind(b"\n") + 1
            if whole < size:
                self.cut(number, whole)

    def _add_up(self) -> None:
        self._before, self._total = {}, 0
        for number in sorted(self.sizes):
            self._before[number] = self._total
            self._total += self.sizes[number]

    def _numbers(self) -> Iterator[int]:
        for path in self.folder.glob(f"{self._prefix}-*{SUFFIX}"):
            yield int(path.name[len(self._prefix) + 1 : -len(SUFFIX)])

    def _open(self) -> int:
        if self._handle is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._handle = os.open(self.path(self.end.number), flags, 0o640)
            self._folder_synced = False
        return self._handle

    def _write(self, handle: int, data: bytes) -> None:
        """Writes at the known end, so that what a failed write left behind is written over."""
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(handle, data[written:] if written else data, self.end.offset + written)
        except OSError:
            os.ftruncate(handle, self.end.offset)
            raise

    def _end_file(self, doubted: bool = False) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            self._ended.add(self.end.number, handle, self._checksum, doubted)
            self.end, self._checksum = Cursor(self.end.number + 1, 0), 0

    def _settle_ended(self) -> None:
        for number in self._ended.settle():
            self.synced = max(self.synced, Cursor(number + 1, 0))

    def _sync_file(self, handle: int) -> None:
        os.fdatasync(handle)
        if not self._folder_synced:
            self._folder_synced = True  # first, so that a file made meanwhile is not taken for synced
            try:
                sync_folder(self.folder)
            except OSError:
                self._folder_synced = False
                raise

    def _is_next(self, after: Cursor, start: Cursor) -> bool:
        """True if nothing lies between the end of one file and the start of the next."""
        return start == Cursor(after.number + 1, 0) and self.sizes.get(after.number, after.offset) == after.offset

    def _from_file(self, number: int, start: int, size: int, limit: int) -> list[Line]:
        with self.path(number).open("rb") as file:
            file.seek(start)
            data = file.read(min(max(limit, _CHUNK), size - start))
            if b"\n" not in data:
                data += file.readline()
        lines: list[Line] = []
        position = start
        for text in data[: data.rfind(b"\n")].split(b"\n"):
            position += len(text) + 1
            if lines and position - start > limit:
                break
            lines.append(Line(text, Cursor(number, position)))
        return lines
