"""A contender as a process: pinned to its core, its memory capped, its CPU time and memory read from the kernel.

In: a command. Out: a running process that is ready; CPU seconds and bytes, its children's included.
"""

import os
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from lakehouse.errors import LakehouseError

MEMORY = 1 << 30
"""Of data a contender may have; Java gets its own cap by ``-Xmx``."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 60.0


@dataclass
class Process:
    command: list[str]
    core: str
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: str | None = None
    """A URL that answers 200 once it is."""
    memory: int = MEMORY
    _running: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                ["taskset", "-c", self.core, *self.command],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=self._cap,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._is_ready():
            if self._running.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LakehouseError(f"{self.command[0]} is not ready: {self.log.read_text()[-2000:]}")
            time.sleep(0.2)

    def _cap(self) -> None:
        if self.memory:
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory, self.memory))

    def _is_ready(self) -> bool:
        try:
            return self.ready is None or httpx.get(self.ready, trust_env=False, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    def wait_for_cpu(self) -> float:
        """Until it ends by itself: the CPU seconds that it took."""
        _, status, used = os.wait4(self.pid, 0)
        if status:
            raise LakehouseError(f"{self.command[0]} failed: {self.log.read_text()[-2000:]}")
        return used.ru_utime + used.ru_stime

    def stop(self) -> None:
        if self._running is not None:
            self._running.terminate()
            try:
                self._running.wait(40)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()

    def cpu_seconds(self) -> float:
        return sum(_cpu(pid) for pid in _tree(self.pid))

    def resident(self) -> int:
        return sum(_memory(pid, "VmRSS") for pid in _tree(self.pid))

    def peak(self) -> int:
        return sum(_memory(pid, "VmHWM") for pid in _tree(self.pid))


@contextmanager
def pinned(cores: str) -> Iterator[None]:
    """What is started meanwhile (brokers, HDFS) stays on these cores, and so do we."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(map(int, cores.split(","))))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _cpu(pid: int) -> float:
    """Of the process and of the children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _memory(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))
