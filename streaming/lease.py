"""The lease of a bronze generation: keeps two live drivers from superseding each other in turn.

In: one small file on HDFS that the driver in charge renews. Out: a second driver waits until that file has not changed
for :data:`TIMEOUT`, or the process it names is known to be dead. Promise: none about safety. The lease saves work;
``epochs`` and Delta's transaction check see to it that only one driver writes, and hold even if this file is wrong.
"""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from lakehouse.clients.files import Files, replace
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError, SupersededError

TIMEOUT = 30.0
RENEW_EVERY = 5.0


class Holder(msgspec.Struct, frozen=True):
    """A process that writes bronze. ``started`` tells it from a later process with the same number."""

    host: str
    pid: int
    started: str
    epoch: int = 0
    beat: int = 0
    released: bool = False


def this_process() -> Holder:
    return Holder(socket.gethostname(), os.getpid(), _started(os.getpid()) or "")


class Lease:
    """The lease of one bronze generation."""

    def __init__(self, files: Files, layout: Layout, generation: GenerationNumber) -> None:
        self._files = files
        self._staging = layout.staging
        self._path = layout.bronze_lease(generation)
        self._mine = this_process()
        self._renewed = 0.0

    def holder(self) -> Holder | None:
        """The content of the file, or None if there is none that can be read."""
        try:
            return msgspec.json.decode(self._files.read(self._path), type=Holder)
        except (NotFoundError, msgspec.DecodeError):
            return None

    def stand_by(self, wait: Callable[[Holder], bool], timeout: float = TIMEOUT) -> None:
        """Returns once no other process holds the lease.

        ``wait`` is called between two reads: it waits a little, and returns False to give up.
        """
        seen, since = self.holder(), time.monotonic()
        while seen is not None and not self._is_free(seen) and time.monotonic() - since < timeout:
            if not wait(seen):
                return
            now = self.holder()
            if now != seen:
                seen, since = now, time.monotonic()

    def take(self, epoch: int) -> None:
        self._mine = msgspec.structs.replace(self._mine, epoch=epoch)
        self._write()

    def renew(self) -> None:
        """To be called often; writes every :data:`RENEW_EVERY` seconds. Stops a driver that has been replaced."""
        if time.monotonic() - self._renewed < RENEW_EVERY:
            return
        holder = self.holder()
        if holder is not None and holder.epoch > self._mine.epoch:
            raise SupersededError(f"the driver of epoch {holder.epoch} on {holder.host} writes bronze now")
        self._write()

    def release(self) -> None:
        """Lets a successor start at once."""
        self._mine = msgspec.structs.replace(self._mine, released=True)
        self._write()

    def _write(self) -> None:
        self._mine = msgspec.structs.replace(self._mine, beat=self._mine.beat + 1)
        replace(self._files, self._staging, self._path, msgspec.json.encode(self._mine))
        self._renewed = time.monotonic()

    def _is_free(self, holder: Holder) -> bool:
        if holder.released or (holder.host, holder.pid) == (self._mine.host, self._mine.pid):
            return True
        return holder.host == self._mine.host and _started(holder.pid) != holder.started


def _started(pid: int) -> str | None:
    """When a process of this machine started (boot and clock ticks since), or None if there is no such process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, ticks = after_name[0], after_name[19]
    return None if state in "ZX" else f"{boot}/{ticks}"
