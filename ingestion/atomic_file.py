"""Small files on the edge's own disk, replaced in one step.

In: a path and a value. Out: the file. Promise: after a power cut it holds the old value or the new one, whole: written
beside the file, synced, renamed, and the folder synced.
"""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def write_json(path: Path, value: object) -> None:
    """Replaces a file in one step; returns once it is on disk."""
    write_file(path, msgspec.json.encode(value))


def write_file(path: Path, data: bytes) -> None:
    """Replaces a file in one step; returns once it is on disk."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)  # a sync of it may have failed: never write to that file again
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
