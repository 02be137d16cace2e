"""What earlier runs of an edge have left on its disk, also those of workers that there are no more.

In: an edge's folder. Out: the runs that still have something to deliver. Promise: no run is forgotten because the
number of workers was lowered: the first worker takes over what the others left.
"""

import fcntl
import logging
import shutil
from pathlib import Path
from typing import IO

import msgspec

from ingestion.atomic_file import read_json, sync_folder
from ingestion.clock import Clock
from ingestion.incarnation import DAMAGED, DONE, Incarnation
from lakehouse.errors import LakehouseError, RefusedError
from lakehouse.settings import EdgeSettings, Settings

CLOCK = "clock.json"
_WORKER = "worker-"
_log = logging.getLogger(__name__)


def folder_of(settings: Settings, worker: int | None) -> Path:
    """Where a worker of the edge keeps its runs. The first has the folder that an edge without workers has."""
    folder = settings.home_path / "edge" / settings.edge.name
    return folder / f"{_WORKER}{worker}" if worker else folder


def take_lock(folder: Path, name: str) -> IO[str]:
    """Held as long as the file is open; raises RefusedError if another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise RefusedError(
            f"another edge named {name} holds {folder}. Stop it, or set LAKEHOUSE_EDGE__NAME to another name."
        ) from error
    return lock


def adopt(folder: Path, clock: Clock, settings: EdgeSettings) -> None:
    """Takes over the runs of workers that this edge has no more. One that still runs keeps its own."""
    for path in sorted(folder.glob(f"{_WORKER}*")):
        if int(path.name.removeprefix(_WORKER)) < settings.workers:
            continue
        try:
            lock = take_lock(path, settings.name)
        except RefusedError:
            continue
        with lock:
            clock.keep(read_json(path / CLOCK, int) or 0)
            for run in _runs(path):
                run.rename(folder / run.name)
            _keep_damaged(path, folder)
            sync_folder(folder)
            _log.info("took over the runs of %s", path)
        shutil.rmtree(path)


def unfinished(folder: Path, clock: Clock, settings: EdgeSettings) -> list[Incarnation]:
    """Earlier runs that still have something to deliver. One that cannot be read keeps no edge from starting."""
    found = []
    for path in _runs(folder):
        if path.name.endswith(DONE):
            shutil.rmtree(path)
            continue
        try:
            found.append(Incarnation(path, clock, settings, ended=True))
        except (LakehouseError, OSError, msgspec.MsgspecError) as error:
            _log.error("an earlier incarnation cannot be delivered: %s: %s", path, error)
    return found


def _keep_damaged(path: Path, folder: Path) -> None:
    """What an operator may still want to look at."""
    for file in path.glob(f"{DAMAGED}/*"):
        (folder / DAMAGED).mkdir(exist_ok=True)
        file.rename(folder / DAMAGED / file.name)


def _runs(folder: Path) -> list[Path]:
    folders = (path for path in folder.iterdir() if path.is_dir())
    return sorted(path for path in folders if path.name != DAMAGED and not path.name.startswith(_WORKER))
