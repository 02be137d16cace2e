"""Who builds a gold version: at most one process of this stack at a time.

In: a version's number. Out: a lock of this machine, free again when its holder ends, however it ends. It saves work;
that two builders cannot both publish is the business of the snapshots' names and of the check for foreign commits.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.settings import Settings


@contextmanager
def building(settings: Settings, version: int, *, wait: bool = True) -> Iterator[bool]:
    """Holds the version's lock while the block runs. Without ``wait`` it yields False if another process has it."""
    folder = settings.home_path / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"gold-version-{version}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
