"""Who builds a gold version, carries out an order, or vacuums: at most one process of this stack at a time.

In: a version's number or an order's id. Out: a lock of this machine, free again when its holder ends, however it ends.
It saves work; that two builders cannot both publish is the business of the snapshots' names and of the
check for foreign commits.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.settings import Settings


@contextmanager
def building(settings: Settings, version: int, *, wait: bool = True) -> Iterator[bool]:
    """Holds the version's lock while the block runs. Without ``wait`` it yields False if another process has it."""
    with _locked(settings, f"gold-version-{version}", wait) as mine:
        yield mine


@contextmanager
def carrying_out(settings: Settings, order: str) -> Iterator[bool]:
    """Holds the order's lock while the block runs; yields False if another process has it."""
    with _locked(settings, f"order-{order}", wait=False) as mine:
        yield mine


def is_carried_out(settings: Settings, order: str) -> bool:
    """Whether a process has the order's lock at the moment."""
    with carrying_out(settings, order) as free:
        return not free


@contextmanager
def undisturbed(settings: Settings) -> Iterator[None]:
    """While the block runs, no vacuum of this stack does. For whoever goes back to what may be beyond the retention."""
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
