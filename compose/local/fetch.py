"""Bring the Java artifacts into the cache, checked against the lock.

In: ``artifacts.lock``. Out: one folder a configuration, ``<cache>/java/<configuration>-<fingerprint>``. Promise: a
folder appears by a rename, complete and checked, so an interrupted or a second installation does no harm.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from compose.local import artifacts, ivy, trino_archive
from compose.local.artifacts import Artifact, ArtifactError
from compose.local.ivy import Report


def ensure(cache: Path, configurations: Sequence[str], report: Report) -> dict[str, Path]:
    """The folders of the configurations, fetched where they are not there yet."""
    lock = artifacts.read_lock()
    with ThreadPoolExecutor(len(configurations)) as pool:  # what takes time is the far end
        jobs = {name: pool.submit(ensure_one, cache, name, lock.get(name, ()), report) for name in configurations}
        return {name: job.result() for name, job in jobs.items()}


def ensure_one(cache: Path, configuration: str, wanted: Sequence[Artifact], report: Report) -> Path:
    """The folder of one configuration."""
    if not wanted:
        raise ArtifactError(f"artifacts.lock has no files for {configuration!r}. Run: make lock")
    archived = wanted[0].extension == "tar.gz"
    kept = trino_archive.WANTED if archived else ()
    folder = cache / "java" / f"{configuration}-{artifacts.fingerprint(wanted, kept)}"
    if not folder.exists():
        with exclusive(cache / "java" / f".{configuration}.lock", report):
            if not folder.exists():
                _fetch(folder, configuration, wanted, archived, report)
    elif not archived:
        artifacts.check(folder, wanted)
    return folder


def _fetch(folder: Path, configuration: str, wanted: Sequence[Artifact], archived: bool, report: Report) -> None:
    draft, scratch = folder.with_name(f".{folder.name}.draft"), folder.with_name(f".{folder.name}.ivy")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    ivy.retrieve_locked(wanted, draft, scratch, report)
    artifacts.check(draft, wanted)
    if archived:
        report(f"{configuration}: unpacking")
        trino_archive.unpack(draft / wanted[0].name)
    draft.rename(folder)
    shutil.rmtree(scratch, ignore_errors=True)
    report(f"{configuration}: ready")


@contextmanager
def exclusive(lock_file: Path, report: Report) -> Iterator[None]:
    """Hold a lock that ends with this process, whatever ends it."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock_file, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another one that holds {lock_file}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
