"""The file system that everything durable lies on: HDFS, and a local folder for unit tests.

In: absolute paths of ``contracts.layout``. Out: bytes, listings, and one atomic step, :meth:`Files.publish`, on which
releases, snapshots and raw files rest: a name that is taken is never overwritten.
"""

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from hdfs_native import Client, WriteOptions

from lakehouse.errors import AlreadyExistsError, NotFoundError, NotReadyError
from lakehouse.instants import from_millis

_CONFIG = {"dfs.client.failover.max.attempts": "3"}
"""Give up after some seconds. By itself the client tries for three minutes, in which a service can say nothing, answer
nothing and not be stopped; our callers ask again anyway."""


@dataclass(frozen=True)
class Entry:
    """A file or folder. ``modified_at`` is the NameNode's stamp, in milliseconds since 1970."""

    path: str
    is_folder: bool
    size: int
    modified_at: int

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def modified(self) -> datetime:
        return from_millis(self.modified_at)


class Files(Protocol):
    """What the lakehouse needs of a file system.

    ``read`` and ``stat`` raise :class:`NotFoundError`; ``list`` of a folder that is absent is empty; every method
    raises :class:`NotReadyError` when the file system does not answer.
    """

    def read(self, path: str) -> bytes: ...
    def stat(self, path: str) -> Entry: ...
    def list(self, folder: str) -> list[Entry]: ...
    def write(self, path: str, data: bytes) -> None:
        """Writes a file, replacing an older one, and returns once it is on disk. Readers may see it half written."""

    def rename(self, source: str, target: str) -> None:
        """Moves a file; raises :class:`AlreadyExistsError` if the target exists."""

    def replace(self, source: str, target: str) -> None:
        """Moves a file over an older one, in one step."""

    def make_folder(self, path: str) -> None: ...
    def delete(self, path: str) -> None: ...


def publish(files: Files, staging: str, path: str, data: bytes) -> None:
    """Makes ``path`` appear whole, or raises :class:`AlreadyExistsError` if another writer's bytes are there.

    A rename whose answer is lost is neither done nor failed: the file is read back, and our own bytes are success.
    ``data`` must therefore differ between writers. Safe to repeat.
    """
    temporary = f"{staging}/{uuid.uuid4().hex}"
    files.write(temporary, data)
    try:
        files.rename(temporary, path)
    except (AlreadyExistsError, NotFoundError, NotReadyError):
        if _read_back(files, path) != data:
            raise
        files.delete(temporary)


def replace(files: Files, staging: str, path: str, data: bytes) -> None:
    """Makes ``path`` hold ``data``; readers see the old bytes or the new ones, never a part."""
    temporary = f"{staging}/{uuid.uuid4().hex}"
    files.write(temporary, data)
    files.replace(temporary, path)


def clock(files: Files, staging: str) -> datetime:
    """What time it is for the file system, whose stamps are the only clock that all publishers share."""
    probe = f"{staging}/clock-{uuid.uuid4().hex}"
    files.write(probe, b"")
    stamp = files.stat(probe).modified
    files.delete(probe)
    return stamp


def _read_back(files: Files, path: str, patience: float = 60.0) -> bytes | None:
    """The bytes at ``path``, or None if there is no such file. Keeps asking while nobody answers."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return files.read(path)
        except NotFoundError:
            return None
        except NotReadyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


class HdfsFiles:
    """:class:`Files` on HDFS, through a native client (no JVM)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = Client(url, _CONFIG)

    def read(self, path: str) -> bytes:
        with _translated(path), self._client.read(path) as reader:
            return bytes(reader.read())

    def stat(self, path: str) -> Entry:
        with _translated(path):
            return _entry(self._client.get_file_info(path))

    def list(self, folder: str) -> list[Entry]:
        try:
            with _translated(folder):
                return [_entry(status) for status in self._client.list_status(folder)]
        except NotFoundError:
            return []

    def write(self, path: str, data: bytes) -> None:
        with _translated(path), self._client.create(path, WriteOptions(overwrite=True)) as writer:
            writer.write(data)
            writer.hsync()

    def rename(self, source: str, target: str) -> None:
        self._make_parent(target)
        with _translated(target):
            self._client.rename(source, target, overwrite=False)

    def replace(self, source: str, target: str) -> None:
        self._make_parent(target)
        with _translated(target):
            self._client.rename(source, target, overwrite=True)

    def make_folder(self, path: str) -> None:
        with _translated(path):
            self._client.mkdirs(path, create_parent=True)

    def delete(self, path: str) -> None:
        try:
            with _translated(path):
                self._client.delete(path, recursive=True)
        except NotFoundError:
            return

    def _make_parent(self, path: str) -> None:
        self.make_folder(str(PurePosixPath(path).parent))


def _entry(status: Any) -> Entry:
    return Entry(status.path, status.isdir, status.length, status.modification_time)


class _translated:
    """Turns the client's errors into ours. It raises plain OS errors, and RuntimeError with Java's class name."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError | RuntimeError):
            return
        text = f"{kind.__name__ if kind else ''} {error}"
        if isinstance(error, FileNotFoundError) or "FileNotFoundException" in text or "not found" in text.lower():
            raise NotFoundError(f"{self._path} does not exist on HDFS") from error
        if isinstance(error, FileExistsError) or "AlreadyExists" in text or "already exists" in text:
            raise AlreadyExistsError(f"{self._path} exists already") from error
        raise NotReadyError(f"HDFS did not serve {self._path}: {error}. Look at `lakehouse status`.") from error


class LocalFiles:
    """:class:`Files` in a local folder, for unit tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str) -> bytes:
        try:
            return self._at(path).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(path) from error

    def stat(self, path: str) -> Entry:
        try:
            status = self._at(path).stat()
        except FileNotFoundError as error:
            raise NotFoundError(path) from error
        return Entry(path, self._at(path).is_dir(), status.st_size, status.st_mtime_ns // 1_000_000)

    def list(self, folder: str) -> list[Entry]:
        return [self.stat(f"{folder}/{name}") for name in self._names(folder)]

    def _names(self, folder: str) -> Iterator[str]:
        return iter(sorted(os.listdir(self._at(folder)))) if self._at(folder).is_dir() else iter(())

    def write(self, path: str, data: bytes) -> None:
        self._at(path).parent.mkdir(parents=True, exist_ok=True)
        self._at(path).write_bytes(data)

    def rename(self, source: str, target: str) -> None:
        self._at(target).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self._at(source), self._at(target))
        except FileExistsError as error:
            raise AlreadyExistsError(target) from error
        os.unlink(self._at(source))
        os.utime(self._at(target).parent)

    def replace(self, source: str, target: str) -> None:
        self._at(target).parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._at(source), self._at(target))

    def make_folder(self, path: str) -> None:
        self._at(path).mkdir(parents=True, exist_ok=True)

    def delete(self, path: str) -> None:
        target = self._at(path)
        if target.is_dir():
            for name in os.listdir(target):
                self.delete(f"{path}/{name}")
            target.rmdir()
        else:
            target.unlink(missing_ok=True)

    def _at(self, path: str) -> Path:
        return self._folder / path.lstrip("/")
