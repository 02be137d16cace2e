"""Small files on the edge's own disk, replaced in one step.

In: a path and a value. Out: the file. Promise: after a power cut it holds the old value or the new one, whole: written
beside the file, synced, renamed, and the folder synced. A value that is kept as JSON can be replaced on a disk that is
full to the last byte: what ends an outage deletes segments, and notes that first.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


ROOM = 16 << 10
"""What a value takes on disk at least, so that it may grow without another block."""


def write_json(path: Path, value: object) -> None:
    """Replaces a file in one step; returns once it is on disk. Two files take turns under its name, so that the blocks
    of the last value but one hold this one (unless the file system never writes in place)."""
    spare, last = path.with_name(f".{path.name}.spare"), path.with_name(f".{path.name}.last")
    _finish_turn(path, spare, last)
    _write_over(spare, msgspec.json.encode(value))
    if path.exists():
        os.link(path, last)
    os.replace(spare, path)
    if last.exists():
        os.replace(last, spare)
    else:
        with suppress(OSError):
            _write_over(spare, b"")
    sync_folder(path.parent)


def _finish_turn(path: Path, spare: Path, last: Path) -> None:
    """After a kill between two steps. What has the file's own blocks must not be written over."""
    if last.exists() and not path.samefile(last):
        os.replace(last, spare)
    last.unlink(missing_ok=True)
    if spare.exists() and path.exists() and path.samefile(spare):
        spare.unlink()


def _write_over(path: Path, data: bytes) -> None:
    """JSON may have spaces at its end."""
    with path.open("r+b" if path.exists() else "xb") as file:
        file.write(data.ljust(ROOM))
        file.truncate()
        file.flush()
        try:
            os.fsync(file.fileno())
        except OSError:
            path.unlink()  # never write to that file again
            raise


def write_file(path: Path, data: bytes) -> None:
    """Replaces a file in one step; returns once it is on disk."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)  # a sync of it may have failed
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def read_json(path: Path, kind: type[T]) -> T | None:
    """The value of a file, or None if there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None


def sync_folder(folder: Path) -> None:
    """Makes names that were made, renamed or deleted in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
