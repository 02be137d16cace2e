"""What the models of a definition are: tables, or SQL that others take up.

In: a project as dbt has parsed it. Out: the tables' names, and which of them read a source. Pure.
"""

from typing import Any


def tables(parsed: Any) -> set[str]:
    """The models that a build writes."""
    return {node.name for node in parsed.nodes.values() if node.resource_type == "model" and _is_table(node)}


def tables_of_sources(parsed: Any) -> set[str]:
    """Those that read a source themselves, and not only other tables."""
    names = tables(parsed)
    return {node.name for node in parsed.nodes.values() if node.name in names and _reads_a_source(parsed, node)}


def _reads_a_source(parsed: Any, node: Any) -> bool:
    """Directly, or through models that are no tables."""
    above = node.depends_on.nodes
    taken_up = [found for name in above if (found := parsed.nodes.get(name)) is not None and not _is_table(found)]
    return any(name in parsed.sources for name in above) or any(_reads_a_source(parsed, found) for found in taken_up)


def _is_table(node: Any) -> bool:
    return bool(node.config.materialized != "ephemeral")
