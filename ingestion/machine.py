"""The machine below the process: which of its starts this is, and when that was.

Out of Linux' own files. A log that was written before this start may lack what only the page cache had.
"""

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UPTIME = Path("/proc/uptime")


def boot_id() -> str:
    """Another one after each start of the machine."""
    return _BOOT_ID.read_text().strip()


def booted_at() -> int:
    """When the machine was started, in microseconds by its clock of now."""
    return int((time.time() - float(_UPTIME.read_text().split()[0])) * 1_000_000)
