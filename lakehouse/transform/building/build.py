"""Runs a frozen definition: one dbt build of one gold version, over stated bronze commits.

In: the thawed project's folder and a :class:`Build`. Out: the ids of the Trino queries that wrote, or an error that
names the first model or audit that failed. dbt runs in this process, so that a cycle does not pay its start.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from lakehouse.clients.trino import ENDED_FROM_OUTSIDE
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings
from lakehouse.transform.building import models
from lakehouse.transform.building.literals import timestamp
from lakehouse.transform.building.set_aside import Rule

SOURCE = "lakehouse-transform"
"""The client name that Trino shows for the queries of a build."""
SANDBOX_ONLY = "sandbox_only"
"""The tag of tests of data that a cycle is not to pay for."""
DONE = frozenset({"success", "pass", "warn"})
"""How dbt says that a model is built or an audit has passed."""
_HOW_TO_MEND = "A definition is mended in its project and built by another `lakehouse reprocess`"
_parsing = Lock()
"""Who finds a project being parsed waits for that, instead of parsing it again."""


class BuildFailedError(LakehouseError):
    """A model or an audit failed; nothing has been published. What ``is_lasting`` would fail again; what
    ``is_too_large`` would not with fewer rows; what ``is_of_data`` may be the fault of an event, and ``by_audit``
    says that all models were built. ``words`` are those of the query."""

    def __init__(
        self,
        message: str,
        *,
        is_lasting: bool = False,
        is_too_large: bool = False,
        is_of_data: bool = False,
        by_audit: bool = False,
        words: str = "",
    ) -> None:
        super().__init__(message)
        self.is_lasting = is_lasting
        self.is_too_large = is_too_large
        self.is_of_data = is_of_data
        self.by_audit = by_audit
        self.words = words


@dataclass(frozen=True)
class Build:
    """What a build writes and what it reads.

    The bronze commits of ``generation`` after ``from_version`` (-1: from the beginning) and up to ``to_version``; rows
    carry ``snapshot``. A build from the beginning may take a slice: events with a time from ``since`` (included) to
    ``until`` (not), in microseconds; it ``adds_days`` if no build before it had events of the same UTC days, and is
    ``upon_a_copy`` if it is the first after another version's tables were copied. What meets a rule of ``set_aside`` is
    not counted; ``up_to`` bounds what is taken in the order of acceptance (``culprits``), and ``is_trial`` leaves out
    the audits. Trino knows the build's queries by ``user``.
    """

    gold_version: GoldVersionNumber
    snapshot: SnapshotNumber
    generation: GenerationNumber
    from_version: int
    to_version: int
    order_repeat_days: int
    since: int | None = None
    until: int | None = None
    adds_days: bool = False
    upon_a_copy: bool = False
    previous_snapshot: int | None = None
    shared: Mapping[str, str] = field(default_factory=dict)
    set_aside: tuple[Rule, ...] = ()
    up_to: Any = None
    is_trial: bool = False
    user: str = TRANSFORM_USER

    @property
    def variables(self) -> dict[str, object]:
        """The project's variables."""
        return {
            "gold_version": self.gold_version,
            "snapshot": self.snapshot,
            "bronze_generation": self.generation,
            "from_version": self.from_version,
            "to_version": self.to_version,
            "order_repeat_days": self.order_repeat_days,
            "since": timestamp(self.since),
            "until": timestamp(self.until),
            "adds_days": self.adds_days,
            "upon_a_copy": self.upon_a_copy,
            "previous_snapshot": self.snapshot - 1 if self.previous_snapshot is None else self.previous_snapshot,
            "shared": dict(self.shared),
            "set_aside": [rule.variables for rule in self.set_aside],
            "up_to": self.up_to or "",
        }


def run(settings: Settings, project: Path, build: Build) -> list[str]:
    """Builds and audits; raises :class:`BuildFailedError`. Returns the ids of the queries."""
    _connect(settings, build.user)
    result = _dbt(settings, project, build)
    if result.exception is not None:
        raise BuildFailedError(f"dbt could not run: {result.exception}")
    # What was skipped was not built either: it reads what failed, or an ephemeral model that could not be compiled.
    failures = [node for node in result.result.results if node.status not in DONE]
    if failures:
        raise _failure(project, failures)
    return [query for node in result.result.results if (query := _query_id(node)) is not None]


def _failure(project: Path, failures: list[Any]) -> BuildFailedError:
    first = next((node for node in failures if node.status != "skipped"), failures[0])
    more = f", with {len(failures) - 1} more" if len(failures) > 1 else ""
    query = project / (getattr(first.node, "compiled_path", None) or "")
    message = f"{first.node.name} failed{more}: {first.message}. Nothing of it is shown"
    if query.is_file():
        message += f". Its query is in {query}"
    words = str(first.message)
    is_lasting = first.status == "fail" or _is_wrong(words)
    then = _HOW_TO_MEND if is_lasting else "The next cycle, or the same `lakehouse reprocess`, tries it again"
    return BuildFailedError(
        f"{message}. {then}",
        is_lasting=is_lasting,
        is_too_large="INSUFFICIENT_RESOURCES" in words,
        is_of_data=first.status == "fail" or _may_be_of_data(words),
        by_audit=first.node.resource_type == "test",
        words=f"{first.node.name}: {words}",
    )


def parse(settings: Settings, project: Path, build: Build) -> None:
    """What :func:`run` does first, for a caller that has something else to do meanwhile; both may be under way at once.
    Raises :class:`BuildFailedError`."""
    _connect(settings, build.user)
    _parsed_once(settings, project, build)


@dataclass(frozen=True)
class Compared:
    """Tables of a definition, by their models' names: those that are the same in another definition, and all above
    them, and those that read a source themselves, and not only other tables."""

    same: set[str]
    of_sources: set[str]


def compare(settings: Settings, before: Path, after: Path) -> Compared:
    """The tables of ``after`` beside those of ``before``, by dbt's states."""
    folder = settings.home_path / "dbt" / "states"
    _connect(settings, TRANSFORM_USER)
    _run(before, ["parse"], folder / before.name)
    parsed = _run(after, ["parse"], folder / after.name).result
    against = ["--select", "state:modified+", "--state", str(folder / before.name)]
    command = ["ls", "--resource-type", "model", "--output", "name", "--quiet", *against]
    changed = set(_run(after, command, folder / after.name).result or ())
    return Compared(models.tables(parsed) - changed, models.tables_of_sources(parsed))


def _dbt(settings: Settings, project: Path, build: Build) -> Any:
    parsed = _parsed_once(settings, project, build)
    # A unit test tells about the project, an exposure about its readers: there is nothing to build, or to pay for.
    others = [option for kind in ("unit_test", "exposure") for option in ("--exclude-resource-type", kind)]
    command = ["run"] if build.is_trial else ["build", *others, "--exclude", f"tag:{SANDBOX_ONLY}"]
    command += ["--vars", msgspec.json.encode(build.variables).decode()]
    if build.shared:
        # By name: of what is left out, dbt leaves out every audit, also that of a table that is built. Tables alone:
        # with a model that is none, such as bronze's arrivals, it would choose audits of what is shared.
        command += ["--select", *sorted(models.tables(parsed) - set(build.shared))]
    # A run leaves compiled SQL in its manifest, which the next one would take for its own.
    return _invoke(project, command, _folder(settings, build), parsed.deepcopy())


def _parsed_once(settings: Settings, project: Path, build: Build) -> Any:
    with _parsing:
        return _parsed(project, _folder(settings, build), build.gold_version, build.generation, build.from_version < 0)


def _folder(settings: Settings, build: Build) -> Path:
    return settings.home_path / "dbt" / f"v{build.gold_version}"


@lru_cache(maxsize=16)
def _parsed(
    project: Path, folder: Path, gold_version: GoldVersionNumber, generation: GenerationNumber, from_the_beginning: bool
) -> Any:
    """A frozen project, parsed once: that takes longer than many a build. What differs from build to build is no
    matter of parsing; the schemas of a gold version and the name of its source are, and a model may look at whether it
    is built from the beginning."""
    variables = {
        "gold_version": gold_version,
        "bronze_generation": generation,
        "from_version": -1 if from_the_beginning else 0,
    }
    done = _invoke(project, ["parse", "--vars", msgspec.json.encode(variables).decode()], folder)
    if not done.success:
        raise BuildFailedError(f"dbt could not parse the project: {done.exception}. {_HOW_TO_MEND}", is_lasting=True)
    return done.result


def _run(project: Path, command: list[str], folder: Path) -> Any:
    done = _invoke(project, command, folder)
    if not done.success:
        raise BuildFailedError(f"dbt {command[0]} failed: {done.exception}", is_lasting=True)
    return done


def _invoke(project: Path, command: list[str], folder: Path, parsed: Any = None) -> Any:
    from dbt.cli.main import dbtRunner  # takes seconds to import

    arguments = {
        "project-dir": project,
        "profiles-dir": project,
        "target-path": folder,
        "log-path": folder,
        "log-level": "none",
    }
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    return dbtRunner(parsed).invoke([*command, *options])


def _is_wrong(message: str) -> bool:
    """Whether dbt or Trino has refused the model itself; ``message`` is dbt's, with that of Trino's client in it."""
    if message.startswith("Compilation Error"):
        return True
    return "type=USER_ERROR" in message and not any(f"name={name}," in message for name in ENDED_FROM_OUTSIDE)


def _may_be_of_data(message: str) -> bool:
    """Whether Trino has refused a value, or has stumbled over one; a statement that it does not understand is not of
    that kind, but nobody needs to know: it fails without any event, too."""
    return "name=GENERIC_INTERNAL_ERROR," in message or (
        _is_wrong(message) and not message.startswith("Compilation Error")
    )


def _query_id(node: Any) -> str | None:
    response = node.adapter_response or {}
    query = response.get("query_id")
    return str(query) if query else None


def _connect(settings: Settings, user: str) -> None:
    """dbt reads its profile's connection from the environment."""
    for name in [name for name in os.environ if name.startswith("DBT_")]:
        del os.environ[name]  # a stray DBT_FULL_REFRESH of an operator's shell must not rebuild what readers see
    host, port = settings.trino_address
    os.environ["LAKEHOUSE_TRINO_HOST"] = host
    os.environ["LAKEHOUSE_TRINO_PORT"] = str(port)
    os.environ["LAKEHOUSE_TRINO_USER"] = user
