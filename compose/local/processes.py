"""Which processes belong to a stack: those that carry its mark in their environment.

Promise: after ``lakehouse down`` there are none, also where the supervisor was killed and its children lived on.
"""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

MARK = "MERCHANT_LAKEHOUSE_STACK"


def of_stack(home: Path) -> list[int]:
    """The ids of all living processes of the stack at ``home``, this one excepted."""
    wanted = f"{MARK}={home}".encode()
    return [pid for pid in _all() if pid != os.getpid() and wanted in _environment(pid) and alive(pid)]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in "ZX"


def end(home: Path, patience: float = 10.0) -> list[int]:
    """End all processes of a stack, politely, then not. Returns those that were there."""
    found = of_stack(home)
    _signal(found, signal.SIGTERM)
    if not wait_ended(home, patience):
        _signal(of_stack(home), signal.SIGKILL)
        wait_ended(home, patience)
    return found


def wait_ended(home: Path, seconds: float) -> bool:
    """Wait until no process of the stack is left; False if some still are after ``seconds``."""
    deadline = time.monotonic() + seconds
    while of_stack(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _all() -> Iterable[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
