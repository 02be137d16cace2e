"""A stack of its own for a test session: another home, other ports, started and stopped by the real command."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from compose.local import processes, supervisor
from compose.local.program import Layout
from compose.local.supervisor import Supervisor
from lakehouse import stack_health
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.tables import CATALOG, TRANSFORM_USER
from lakehouse.settings import Settings

PORTS = 20
# Below the range from which the system takes ports for outgoing connections.
PORT_BASES = range(20_000, 32_000, PORTS)


@dataclass(frozen=True)
class EmbeddedStack:
    """A running stack. ``lakehouse`` is the path of the command; it wants ``environment``."""

    settings: Settings
    environment: dict[str, str]
    lakehouse: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.settings.home_path)

    def run(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a verb of the command, and return what it did."""
        command = [str(self.lakehouse), *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
        )

    def pid(self, program: str) -> int:
        """The process id of a supervised program (``namenode`` and ``datanode`` make up ``hdfs``)."""
        return self._supervisor().processes()[program].pid

    def kill(self, program: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a program a signal, and return the process id that it had."""
        pid = self.pid(program)
        os.kill(pid, number)
        return pid

    def stop(self, program: str) -> None:
        """Have a supervised program stopped, without waiting for it; the others go on."""
        self._supervisor().stop(program, wait=False)

    def _supervisor(self) -> Supervisor:
        access = supervisor.access(self.layout)
        assert access is not None, "the supervisor does not run"
        return Supervisor(access)

    def await_restart(self, program: str, old_pid: int, seconds: float = 60) -> None:
        """Wait until the supervisor has started the program again."""
        deadline = time.monotonic() + seconds
        while self.pid(program) in (0, old_pid):
            assert time.monotonic() < deadline, f"{program} was not started again"
            time.sleep(0.1)

    def await_healthy(self, *services: str, seconds: float = 180) -> None:
        """Wait until the services (all of them, if none is named) work."""
        deadline = time.monotonic() + seconds
        while sick := [each for each in stack_health.check(self.settings, services or None) if not each.healthy]:
            assert time.monotonic() < deadline, f"{sick}\n{self.log_tails()}"
            time.sleep(0.3)

    def log_tails(self, lines: int = 15) -> str:
        """The end of each log file."""
        logs = sorted(self.settings.logs.glob("*.log"))
        tails = ["\n".join([f"--- {log}", *log.read_text(errors="replace").splitlines()[-lines:]]) for log in logs]
        return "\n".join(tails)


def create(home: Path) -> EmbeddedStack:
    """A stack that has not been started."""
    settings = Settings(home=home, port_base=free_port_base())
    own = {
        "LAKEHOUSE_HOME": str(home),
        "LAKEHOUSE_PORT_BASE": str(settings.port_base),
        # Tests wait for cycles, raw files and marks; the defaults would have them wait mostly for the clock.
        "LAKEHOUSE_TRANSFORM__INTERVAL": "PT5S",
        "LAKEHOUSE_EDGE__SEGMENT_MAX_AGE": "PT8S",
        "LAKEHOUSE_EDGE__LOW_MARK_INTERVAL": "PT3S",
    }
    return EmbeddedStack(settings, {**os.environ, **own}, Path(sys.executable).with_name("lakehouse"))


def start(stack: EmbeddedStack, only: Sequence[str] = ()) -> None:
    """``lakehouse up``, which must succeed."""
    result = stack.run("up", *(["--only", ",".join(only)] if only else []))
    assert result.returncode == 0, f"{result.stderr}\n{stack.log_tails()}"


def stop(stack: EmbeddedStack) -> None:
    """``lakehouse down``, after which nothing is left but the files, and those are removed."""
    result = stack.run("down")
    left = processes.of_stack(stack.settings.home_path)
    processes.end(stack.settings.home_path)
    shutil.rmtree(stack.settings.home_path, ignore_errors=True)
    assert result.returncode == 0, result.stderr
    assert not left, f"processes were left behind: {left}"


def discard(stack: EmbeddedStack) -> None:
    """Ends it without the politeness of ``down``, which the stacks with all services show to work."""
    running = supervisor.access(stack.layout)
    first = [running.pid] if running is not None else []  # else it would start again what is killed
    while found := [*first, *processes.of_stack(stack.settings.home_path)]:
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        first = []
        time.sleep(0.1)
    shutil.rmtree(stack.settings.home_path, ignore_errors=True)


def empty(stack: EmbeddedStack) -> None:
    """Takes everything out of the warehouse; HDFS and Trino go on running. Trino's caches forget what is dropped."""
    trino = Trino.of(stack.settings, user=TRANSFORM_USER)
    for row in trino.query(f"SHOW SCHEMAS FROM {CATALOG}"):
        if row["Schema"] not in ("information_schema", "default"):
            trino.query(f"DROP SCHEMA {CATALOG}.{row['Schema']} CASCADE")
    files = HdfsFiles(stack.settings.hdfs_url)
    for entry in files.list(stack.settings.warehouse):
        if entry.path != f"{stack.settings.warehouse}/catalog":
            files.delete(entry.path)


def free_port_base() -> int:
    """The first of a row of free ports."""
    for base in PORT_BASES:
        with ExitStack() as held:
            try:
                for port in range(base, base + PORTS):
                    trial = held.enter_context(socket.socket())
                    trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise AssertionError("no row of free ports on this machine")
