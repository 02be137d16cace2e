"""What the peers are made of. Programs in Go are built into the cache of downloads, outside of the repository.

In: ``bench/.venv``, which ``make bench-peers`` makes. Out: the paths of programs that are ready.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import LakehouseError, RefusedError

SOURCES = Path(__file__).parent
_BIN = SOURCES.parents[1] / ".venv" / "bin"
PYTHON = _BIN / "python"
GO = _BIN / "go"
PY_SPY = _BIN / "py-spy"


@dataclass(frozen=True)
class Programs:
    """``sender`` is the load generator, ``collector`` the bare Go server."""

    sender: Path
    collector: Path


def build(cache: Path) -> Programs:
    if not GO.exists():
        raise RefusedError("the peers are not there; run: make bench-peers")
    folder = cache / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [str(GO), "build", "-o", f"{folder}/", "./..."],
        cwd=SOURCES,
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise LakehouseError(f"the peers in Go cannot be built: {done.stderr[-2000:]}")
    return Programs(folder / "sender", folder / "collector")
