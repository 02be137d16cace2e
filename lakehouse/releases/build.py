"""Runs a frozen definition: one dbt build of one gold version, over stated bronze commits.

In: the thawed project's folder and a :class:`Build`. Out: the ids of the Trino queries that wrote, or an error that
names the first model or audit that failed. dbt runs in this process, so that a cycle does not pay its start.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings

SOURCE = "lakehouse-transform"
"""The client name that Trino shows for the queries of a build."""


class BuildFailedError(LakehouseError):
    """A model or an audit failed; nothing has been published. What ``is_lasting`` would fail again."""

    def __init__(self, message: str, *, is_lasting: bool = False) -> None:
        super().__init__(message)
        self.is_lasting = is_lasting


@dataclass(frozen=True)
class Build:
    """What a build writes and what it reads.

    The bronze commits of ``generation`` after ``from_version`` (-1: from the beginning) and up to ``to_version``; rows
    carry ``snapshot``. A build from the beginning may take a slice: accepted from ``accepted_from`` (included) to
    ``accepted_before`` (not), with a time from ``since`` (included) to ``until`` (not); all in microseconds. Trino
    knows the build's queries by ``user``.
    """

    gold_version: int
    snapshot: int
    generation: int
    from_version: int
    to_version: int
    order_repeat_days: int
    accepted_from: int | None = None
    accepted_before: int | None = None
    since: int | None = None
    until: int | None = None
    user: str = TRANSFORM_USER

    @property
    def variables(self) -> dict[str, int | str]:
        """The project's variables."""
        return {
            "gold_version": self.gold_version,
            "snapshot": self.snapshot,
            "bronze_generation": self.generation,
            "from_version": self.from_version,
            "to_version": self.to_version,
            "order_repeat_days": self.order_repeat_days,
            "accepted_from": timestamp(self.accepted_from),
            "accepted_before": timestamp(self.accepted_before),
            "since": timestamp(self.since),
            "until": timestamp(self.until),
        }


def timestamp(micros: int | None) -> str:
    """An instant as a Trino timestamp literal names it, to the millisecond; '' for None."""
    if micros is None:
        return ""
    return (
        datetime.fromtimestamp(micros / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.")
        + f"{micros // 1000 % 1000:03} UTC"
    )


def run(settings: Settings, project: Path, build: Build) -> list[str]:
    """Builds and audits; raises :class:`BuildFailedError`. Returns the ids of the queries."""
    _connect(settings, build.user)
    result = _dbt(settings, project, build)
    if result.exception is not None:
        raise BuildFailedError(f"dbt could not run: {result.exception}. Its log is in {_log_folder(settings)}")
    failures = [node for node in result.result.results if node.status in ("error", "fail", "runtime error")]
    if failures:
        first = failures[0]
        raise BuildFailedError(
            f"{first.node.name} failed, with {len(failures) - 1} more: {first.message}. "
            f"dbt's log is in {_log_folder(settings)}",
            is_lasting=first.status == "fail" or "USER_ERROR" in str(first.message),
        )
    return [query for node in result.result.results if (query := _query_id(node)) is not None]


def _dbt(settings: Settings, project: Path, build: Build) -> Any:
    from dbt.cli.main import dbtRunner  # takes seconds to import

    arguments = {
        "project-dir": project,
        "profiles-dir": project,
        "target-path": settings.home_path / "dbt" / f"v{build.gold_version}",
        "log-path": _log_folder(settings),
        "log-level": "none",
        "vars": msgspec.json.encode(build.variables).decode(),
    }
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    return dbtRunner().invoke(["build", *options])


def _log_folder(settings: Settings) -> Path:
    return settings.logs / "dbt"


def _query_id(node: Any) -> str | None:
    response = node.adapter_response or {}
    query = response.get("query_id")
    return str(query) if query else None


def _connect(settings: Settings, user: str) -> None:
    """dbt reads its profile's connection from the environment."""
    os.environ["LAKEHOUSE_TRINO_HOST"] = settings.host
    os.environ["LAKEHOUSE_TRINO_PORT"] = str(settings.ports.trino)
    os.environ["LAKEHOUSE_TRINO_USER"] = user
