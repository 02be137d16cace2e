"""Work that lasts, in a process of its own beside the transform service.

In: one of our modules, and the operation or gold version that it works on. Out: the process, which logs where the
service does.
"""

import subprocess
import sys
from typing import Protocol


class Process(Protocol):
    """What is needed of :class:`subprocess.Popen`."""

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def wait(self) -> int: ...


def start(module: str, works_on: str) -> Process:
    return subprocess.Popen([sys.executable, "-m", module, works_on], stdin=subprocess.DEVNULL)
