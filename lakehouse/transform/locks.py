"""Who builds a gold version, carries out an operation, or vacuums: at most one process of this stack at a time.

In: a version's number or an operation's id. Out: a lock of this machine, free again when its holder ends, however it
ends. It saves work; that two builders cannot both publish is the business of the snapshots' names and of the check for
foreign commits. Who needs several versions' locks takes the greater number first: a version is built from tables of
lower ones, never of greater.
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.settings import Settings


class _Held(threading.local):
    """The versions whose locks a thread has, by home and number."""

    def __init__(self) -> None:
        self.versions: set[tuple[str, GoldVersionNumber]] = set()


_held = _Held()


@contextmanager
def building(settings: Settings, version: GoldVersionNumber, *, wait: bool = True) -> Iterator[bool]:
    """Holds the version's lock while the block runs. Without ``wait`` it yields False if another process has it. A
    thread that has the lock already has it again."""
    key = (str(settings.home_path), version)
    if key in _held.versions:
        yield True
        return
    with _locked(settings, f"gold-version-{version}", wait) as mine:
        if not mine:
            yield False
            return
        _held.versions.add(key)
        try:
            yield True
        finally:
            _held.versions.remove(key)


@contextmanager
def deciding(settings: Settings) -> Iterator[None]:
    """While the block runs, no other operator of this stack publishes a version or drops one. For moments."""
    with _locked(settings, "decision", wait=True):
        yield


@contextmanager
def carrying_out(settings: Settings, operation: str) -> Iterator[bool]:
    """Holds the operation's lock while the block runs; yields False if another process has it."""
    with _locked(settings, f"operation-{operation}", wait=False) as mine:
        yield mine


def is_carried_out(settings: Settings, operation: str) -> bool:
    """Whether a process has the operation's lock at the moment."""
    with carrying_out(settings, operation) as free:
        return not free


@contextmanager
def undisturbed(settings: Settings) -> Iterator[None]:
    """While the block runs, no vacuum of this stack does. To go back to what may be beyond the retention."""
    with _locked(settings, "vacuum", wait=True):
        yield


@contextmanager
def _locked(settings: Settings, name: str, wait: bool) -> Iterator[bool]:
    folder = settings.home_path / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
