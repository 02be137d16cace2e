"""Several worker processes of one edge, which share its port: starts them, and starts again what ends.

In: their number. Out: an exit code, once all have ended. Promise: a worker that dies takes no other with it; a request
to stop reaches all; if this process is killed, they are, too. Each has runs, a lock and a clock of its own; the kernel
deals out the connections.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from ingestion.telemetry import SHARED
from lakehouse.errors import RefusedError

PAUSE_SECONDS = 1.0
"""Before a worker that has ended is started again."""
_LOOK_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1
_log = logging.getLogger(__name__)


class Workers:
    """Runs in a process of its own, which serves nothing."""

    def __init__(self, count: int, figures: Path) -> None:
        """``figures`` is a folder in which the workers share their metrics."""
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._due = dict.fromkeys(range(count), 0.0)
        self._figures = figures
        self._stopping = False

    def run(self) -> int:
        """Returns 0 after a request to stop, or the exit code of a worker that was refused."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopping:
            self._start_what_is_due()
            refused = self._look_after()
            if refused is not None:
                self._end_all()
                return refused
            time.sleep(_LOOK_SECONDS)
        self._end_all()
        return 0

    def _start_what_is_due(self) -> None:
        for worker, due in self._due.items():
            if worker not in self._processes and time.monotonic() >= due:
                self._processes[worker] = subprocess.Popen(
                    [sys.executable, "-m", "ingestion", "--worker", str(worker)],
                    env=os.environ | {SHARED: str(self._figures)},
                    preexec_fn=die_with_parent(),
                )

    def _look_after(self) -> int | None:
        for worker, process in list(self._processes.items()):
            code = process.poll()
            if code == RefusedError.exit_code:
                return code
            if code is not None:
                mark_process_dead(process.pid, str(self._figures))  # type: ignore[no-untyped-call]
                _log.error("worker %d ended with %d, and is started again", worker, code)
                del self._processes[worker]
                self._due[worker] = time.monotonic() + PAUSE_SECONDS
        return None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _end_all(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            process.wait()


def die_with_parent() -> Callable[[], None]:
    """For a child to call before it is another program: if its parent is killed, so is it, at whatever moment. Another
    parent's workers want its port and its folder."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0 or os.getppid() != parent:
            os._exit(2)

    return tie
