"""Which tables a new definition may share with the version that it is built beside.

In: two frozen projects. Out: the base's tables whose model, and all above it, are the same in both, by dbt's own
comparison of states. What is shared is built once, by the base, and read by both. What reads bronze is shared as a
whole, or nothing is: built beside shared tables, it would take all of bronze in one query, at each step.
"""

from pathlib import Path

from lakehouse.errors import RefusedError
from lakehouse.releases.model import Base, Definition
from lakehouse.transform import definition
from lakehouse.transform.building.build import compare
from lakehouse.transform.building.builder import Builder


def shared_tables(builder: Builder, frozen: Definition, base: Base, project: Path | None = None) -> tuple[str, ...]:
    """Names as in a snapshot (``silver.events``), sorted. Raises :class:`RefusedError` where dbt cannot tell.
    ``project`` is the folder of the new definition where that is not stored."""
    before = builder.versions.get(base.gold_version)
    snapshot = builder.versions.snapshot(base.gold_version, base.snapshot)
    projects = [_project(builder, before.definition), project or _project(builder, frozen)]
    if len({(project / "dbt_project.yml").read_bytes() for project in projects}) > 1:
        return ()  # dbt does not compare variables, and any model may read one
    found = compare(builder.settings, projects[0], projects[1])
    shared = {name: table for name in snapshot.tables if (table := name.partition(".")[2]) in found.same}
    return tuple(sorted(shared)) if found.of_sources <= set(shared.values()) else ()


def refuse_bounds(has_bounds: bool, from_raw: bool) -> None:
    """Sharing goes with all of history from the same bronze."""
    if has_bounds or from_raw:
        raise RefusedError(
            "--reuse-unchanged goes with --from bronze and all of history: without --since, --until and --from raw"
        )


def _project(builder: Builder, frozen: Definition) -> Path:
    return definition.thaw(builder.files, builder.layout, frozen, builder.definitions)
