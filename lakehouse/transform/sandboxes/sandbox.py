"""A data engineer's sandbox: dbt, run on a checkout's models, beside production, which it reads and cannot touch.

In: a dbt project and what dbt shall do with it. Out: the models that dbt shall build, as tables of the schema
``sandbox_<user>``. What it shall not build it reads from the current release: views in the sandbox, pinned to the
release's Delta versions, stand for the release's tables, so that all of one build reads one state, whatever is
released meanwhile. Every build is a full one: it starts from all rows of what it reads.

That production cannot be written is not this module's doing: Trino refuses it to the user.
"""

import getpass
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Release
from lakehouse.settings import Settings
from lakehouse.transform import definition
from lakehouse.transform.building.build import Build
from lakehouse.transform.sandboxes import dbt as sandbox_dbt
from lakehouse.verb_plan import VerbPlan

PRODUCTION = "production_"
"""What the names of the views that stand for production's tables begin with."""

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Sandbox:
    """Where the builds of one user go. ``folder`` holds dbt's own files."""

    settings: Settings
    user: str

    @classmethod
    def of(cls, settings: Settings, user: str | None) -> "Sandbox":
        """The sandbox of a user, by default of the login name; refuses those who write production."""
        name = getpass.getuser() if user is None else user
        if not _USER.fullmatch(name):
            raise RefusedError(f"{name!r} cannot be a user: up to 64 letters, digits, and ._@- within; see --user")
        if re.fullmatch(tables.WRITERS, name):
            raise RefusedError(f"{name} writes production and has no sandbox; name another with --user")
        return cls(settings, name)

    @property
    def schema(self) -> str:
        return tables.sandbox_schema(self.user)

    @property
    def folder(self) -> Path:
        return self.settings.home_path / "sandboxes" / self.schema

    @property
    def trino(self) -> Trino:
        return Trino.of(self.settings, user=self.user)


def run(sandbox: Sandbox, project: Path, arguments: Sequence[str], progress: Callable[[str], None]) -> int:
    """Lets dbt do what ``arguments`` say, with the project's models in the sandbox; returns dbt's exit code."""
    release = _current_release(sandbox.settings)
    progress(f"{sandbox.schema} reads release {release.release} (gold version {release.gold_version}).")
    show_production(sandbox, release)
    options = {
        "PROJECT_DIR": project,
        "PROFILES_DIR": project,
        "TARGET": "sandbox",
        "TARGET_PATH": sandbox.folder / "target",
        "LOG_PATH": _logs(sandbox),
        "STATE": _write_state(sandbox, release),
        "DEFER": "true",
        "FAVOR_STATE": "true",
        "FULL_REFRESH": "true",
    }
    if arguments[:1] == ["build"]:
        # What is tried out here may differ from what a unit test says; `test` runs them.
        options["EXCLUDE_RESOURCE_TYPES"] = "unit_test"
    variables = _build_of(sandbox.settings, release).variables
    return sandbox_dbt.run(sandbox_dbt.with_variables(arguments, variables), options, _connection(sandbox))


def plan(sandbox: Sandbox, arguments: Sequence[str]) -> VerbPlan:
    """What :func:`run` would do or, without arguments, :func:`drop`. Changes nothing."""
    if not arguments:
        gone = f"the schema {sandbox.schema} is removed with all that is in it, and dbt's files in {sandbox.folder}"
        return VerbPlan("sandbox", (gone,), {"schema": sandbox.schema})
    release = _current_release(sandbox.settings)
    views = f"views of {sandbox.schema} show {len(release.tables)} tables of release {release.release}"
    facts = {"schema": sandbox.schema, "release": release.release, "gold_version": release.gold_version}
    return VerbPlan("sandbox", (views, f"dbt does `{shlex.join(arguments)}` in {sandbox.schema}"), facts)


def drop(sandbox: Sandbox) -> None:
    """Removes the schema with all that is in it, and dbt's files. What is not there is no error."""
    sandbox.trino.query(f"DROP SCHEMA IF EXISTS {tables.CATALOG}.{sandbox.schema} CASCADE")
    shutil.rmtree(sandbox.folder, ignore_errors=True)


def show_production(sandbox: Sandbox, release: Release) -> None:
    """Makes the schema, and in it the views that stand for the release's tables."""
    location = f"{sandbox.settings.hdfs_url}{Layout(sandbox.settings.warehouse).sandbox(sandbox.schema)}"
    schema = f"{tables.CATALOG}.{sandbox.schema}"
    trino = sandbox.trino
    trino.query(f"CREATE SCHEMA IF NOT EXISTS {schema} WITH (location = '{location}')")
    for name in release.tables:
        view = f"{PRODUCTION}{name.partition('.')[2]}"
        trino.query(f"CREATE OR REPLACE VIEW {schema}.{view} AS {pinned(release, name)}")


def pinned(release: Release, name: str) -> str:
    """A table as the release has it, in the shape that models know: gold with its history of values."""
    state = release.tables[name]
    query = f"SELECT * FROM {state.pinned(name)}"
    is_gold = name.startswith(f"{tables.GOLD_SCHEMA}.")
    return f"{query} WHERE snapshot <= {release.snapshot}" if is_gold else query


def _current_release(settings: Settings) -> Release:
    return ReleaseLog(HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)).chosen(None).release


def _build_of(settings: Settings, release: Release) -> Build:
    """From the beginning up to what the release has consumed: models that read bronze see what the release saw, and all
    rows of the release are new to those that read its tables."""
    return Build(
        gold_version=release.gold_version,
        snapshot=release.snapshot,
        generation=release.bronze.generation,
        from_version=-1,
        to_version=release.bronze.delta_version,
        order_repeat_days=settings.transform.order_repeat_days,
        previous_snapshot=-1,
    )


def _write_state(sandbox: Sandbox, release: Release) -> Path:
    """The folder of the release's manifest, in which every table is the view that stands for it."""
    names = [name.partition(".")[2] for name in release.tables]
    views = {name: f"{PRODUCTION}{name}" for name in names}
    state = sandbox.folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    manifest = sandbox_dbt.deferring(_manifest(sandbox, release).read_bytes(), sandbox.schema, views)
    (state / "manifest.json").write_bytes(manifest)
    return state


def _manifest(sandbox: Sandbox, release: Release) -> Path:
    """dbt's manifest of the release's frozen definition, made once."""
    folder = sandbox.folder / "released" / release.definition.fingerprint
    found = folder / "manifest.json"
    if found.exists():
        return found
    folder.mkdir(parents=True, exist_ok=True)
    files, layout = HdfsFiles(sandbox.settings.hdfs_url), Layout(sandbox.settings.warehouse)
    project = definition.thaw(files, layout, release.definition, folder / "project")
    return sandbox_dbt.parse(project, folder, _logs(sandbox))


def _logs(sandbox: Sandbox) -> Path:
    return sandbox.folder / "logs"


def _connection(sandbox: Sandbox) -> dict[str, str]:
    """dbt reads its profile's connection from the environment."""
    host, port = sandbox.settings.trino_address
    return {
        "LAKEHOUSE_TRINO_HOST": host,
        "LAKEHOUSE_TRINO_PORT": str(port),
        "LAKEHOUSE_TRINO_USER": sandbox.user,
        "LAKEHOUSE_SANDBOX": sandbox.schema,
    }
