"""Freezes a dbt project under a fingerprint, and brings a frozen one back.

In: a project folder (a checkout's, once, when a gold version is created). Out: ``definitions/<fingerprint>.tar`` on
HDFS, and a folder that holds exactly those files. Services run frozen definitions only: what merely lies in a checkout
never reaches a number. A model that asks for the clock or for chance is refused: it could not be counted again.
"""

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lakehouse.clients.files import Files, publish
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, LakehouseError, NotFoundError, RefusedError
from lakehouse.releases.model import Definition

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
"""The dbt project of this checkout."""

_PARTS = ("models", "macros", "tests", "seeds", "snapshots", "dbt_project.yml", "profiles.yml")
_NEEDED = ("dbt_project.yml", "profiles.yml")
_COMMENTS = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)
_CLOCK_OR_CHANCE = re.compile(
    r"\b(?:(?:current_(?:date|time|timestamp)|localtime|localtimestamp|run_started_at|invocation_id)\b"
    r"|modules\.datetime\b|(?:now|rand|random|shuffle|uuid)\s*\()",
    re.IGNORECASE,
)


def project_files(project: Path) -> dict[str, bytes]:
    """The files that make the definition, by their path in the project."""
    found: dict[str, bytes] = {}
    for part in _PARTS:
        path = project / part
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        found |= {str(file.relative_to(project)): file.read_bytes() for file in files}
    return {name: content for name, content in sorted(found.items()) if not name.endswith((".pyc", ".swp", "~"))}


def lacking(found: Iterable[str]) -> str | None:
    """What a project of these files cannot do without, if it has it not."""
    names = set(found)
    absent = next((name for name in _NEEDED if name not in names), None)
    if absent is None and not any(name.startswith("models/") and name.endswith(".sql") for name in names):
        return "model: no models/*.sql"
    return absent


def fingerprint(project: Path) -> str:
    """SHA-256 over the names and bytes of the project's files, 64 hex digits."""
    digest = hashlib.sha256()
    for name, content in project_files(project).items():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def freeze(files: Files, layout: Layout, project: Path) -> Definition:
    """Stores the project's files under their fingerprint. The same files again change nothing."""
    return Definition(store(files, layout, project), _git_commit(project))


def of_project(project: Path) -> Definition:
    """What :func:`freeze` would return; stores nothing. Raises :class:`RefusedError` for a folder that is no project,
    and for a model or macro that another build would not repeat."""
    absent = lacking(project_files(project))
    if absent is not None:
        raise RefusedError(f"{project} has no {absent}: name the folder of a dbt project")
    _refuse_clock_and_chance(project)
    return Definition(fingerprint(project), _git_commit(project))


def store(files: Files, layout: Layout, project: Path) -> str:
    """Stores the project's files, and returns their fingerprint. Raises what :func:`of_project` raises."""
    name = of_project(project).fingerprint
    path = layout.definition(name)
    try:
        files.stat(path)
    except NotFoundError:
        with suppress(AlreadyExistsError):  # The name is the content's own hash.
            publish(files, layout.staging, path, _archive(project))
    return name


def thaw(files: Files, layout: Layout, frozen: Definition, folder: Path) -> Path:
    """The project's folder under ``folder``, made from the archive where it is absent or was altered."""
    project = folder / frozen.fingerprint
    if project.is_dir() and fingerprint(project) == frozen.fingerprint:
        return project
    shutil.rmtree(project, ignore_errors=True)
    fresh = folder / f"{frozen.fingerprint}.{uuid.uuid4().hex}"
    with tarfile.open(fileobj=io.BytesIO(files.read(layout.definition(frozen.fingerprint)))) as archive:
        archive.extractall(fresh, filter="data")
    if fingerprint(fresh) != frozen.fingerprint:
        raise LakehouseError(f"definition {frozen.fingerprint} on HDFS is damaged: its files hash to another value")
    fresh.rename(project)
    return project


def _refuse_clock_and_chance(project: Path) -> None:
    for name, content in project_files(project).items():
        if name.startswith(("models/", "macros/")) and name.endswith(".sql"):
            found = _CLOCK_OR_CHANCE.search(_COMMENTS.sub(" ", content.decode(errors="replace")))
            if found:
                raise RefusedError(
                    f"{name} asks for the clock or for chance ({found[0]}): a rebuild would give other numbers. Take "
                    "instants from the events, or from the variables of dbt_project.yml"
                )


def _archive(project: Path) -> bytes:
    """A tar whose bytes depend on the files' names and contents alone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in project_files(project).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _git_commit(project: Path) -> str | None:
    """The checkout's commit, with ``-dirty`` where the project has changes; None outside a checkout."""
    commit = _git(project, "rev-parse", "HEAD")
    if commit is None:
        return None
    return f"{commit}-dirty" if _git(project, "status", "--porcelain", "--", ".") else commit


def _git(project: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
