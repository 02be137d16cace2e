"""SQLMesh, the peer of promote and rollback: its virtual environments are pointers to tables that are built already.

In: a folder, events. Out: the seconds of ``plan dev`` each time a model is changed back and forth. It lives in a
virtual environment of its own, made by ``make bench-peers`` from ``bench/peers.lock``.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.errors import LakehouseError, RefusedError

HERE = Path(__file__).parent
COMMAND = HERE / ".venv" / "bin" / "sqlmesh"
_CHANGED = Path("models/sales_facts.sql")
_ONCE, _TWICE = "ELSE 0 END * 1 AS returns", "ELSE 0 END * 2 AS returns"


class SqlMesh:
    """A project whose two versions are both built before anything is timed."""

    def __init__(self, folder: Path, events: pa.Table) -> None:
        if not COMMAND.exists():
            raise RefusedError("SQLMesh is not installed: run `make bench-peers`")
        self._folder = folder
        shutil.copytree(HERE / "sqlmesh_project", folder)
        pq.write_table(events, folder / "events.parquet")
        self._text = (folder / _CHANGED).read_text()
        self._twice = False
        self._sqlmesh("plan", "--auto-apply", "--no-prompts")
        for _ in range(2):
            self.plan()

    def plan(self) -> float:
        """Changes the model to its other version and points the environment ``dev`` at it."""
        self._twice = not self._twice
        (self._folder / _CHANGED).write_text(self._text.replace(_ONCE, _TWICE) if self._twice else self._text)
        began = time.perf_counter()
        self._sqlmesh("plan", "dev", "--auto-apply", "--no-prompts", "--skip-tests", "--no-diff")
        return time.perf_counter() - began

    def _sqlmesh(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(COMMAND), *arguments],
            cwd=self._folder,
            env=os.environ | {"DISABLE_ANONYMIZED_ANALYTICS": "true"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise LakehouseError(f"`sqlmesh {' '.join(arguments)}` failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
