"""``lakehouse status``: which services work, and how fresh the numbers are. Prints within five seconds, always."""

from typing import Annotated, Any

import typer

from lakehouse import instants, stack_health
from lakehouse.cli.output import Format, print_json
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.layout import Layout
from lakehouse.ledger.edge_list import EdgeState, ListedEdge, list_edges
from lakehouse.ledger.raw_gaps import FILL_BY, Gaps, size, unfilled
from lakehouse.settings import Settings, load_settings
from lakehouse.stack_health import ServiceHealth

app = typer.Typer(add_completion=False)
RELEASE_FACTS = ("current_release", "complete_through", "freshness_seconds")


@app.command()
def status(
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Show which services work, the current release and its age.

    Exits with 0 whatever is down: the answer is in what it prints.

    Example: lakehouse status --format json
    """
    settings = load_settings()
    facts: dict[str, Any] = {}
    silent: dict[str, list[ListedEdge]] = {}
    gaps: dict[str, Gaps] = {}
    services = stack_health.check(
        settings,
        also=(
            lambda: facts.update(release_facts(settings)),
            lambda: silent.update(edges=silent_edges(settings)),
            lambda: gaps.update(raw=raw_gaps(settings)),
        ),
    )
    edges, unfilled_gaps = silent.get("edges"), gaps.get("raw")  # None where HDFS does not say
    report = {
        "services": [{"name": each.name, "url": each.url, "healthy": each.healthy} for each in services],
        **{name: facts.get(name) for name in (*RELEASE_FACTS, "set_aside")},
        "edges": {"silent": None if edges is None else [one.document() for one in edges]},
        "raw_gaps": None if unfilled_gaps is None else size(unfilled_gaps),
    }
    if output is Format.JSON:
        print_json(report)
    else:
        print("\n".join((render(services, facts), *map(render_silent, edges or ()), *render_gaps(unfilled_gaps or {}))))


def release_facts(settings: Settings) -> dict[str, Any]:
    """What the insights API says of the current release."""
    facts: dict[str, Any] = stack_health.read_json(f"{settings.insights_url}/v1/status")
    return facts


def silent_edges(settings: Settings) -> list[ListedEdge]:
    """The edges that have not been heard for long and still owe something."""
    stack_health.ask_hdfs(settings)  # which fails at once; the client tries for some seconds
    files, layout = HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)
    found = list_edges(files, layout, instants.now(), settings.transform.edge_silent_after)
    return [one for one in found if one.state is EdgeState.SILENT]


def raw_gaps(settings: Settings) -> Gaps:
    """Events that are in no raw file, because an edge's disk was full or is gone."""
    stack_health.ask_hdfs(settings)
    return unfilled(HdfsFiles(settings.hdfs_url), Layout(settings.warehouse))


def render_gaps(gaps: Gaps) -> tuple[str, ...]:
    return (f"raw gaps           {size(gaps):,} events are in no raw file. {FILL_BY}",) if gaps else ()


def render_silent(edge: ListedEdge) -> str:
    """Which, for how long, and what to do."""
    silence = instants.now().replace(microsecond=0) - edge.heard_at.replace(microsecond=0)
    return (
        f"silent edge        {edge.name} for {silence}: numbers go on without it. Start it again, and it delivers; if "
        f"its disk is gone: `lakehouse edge retire {edge.ledger.incarnation} --lost --reason ...`"
    )


def render(services: list[ServiceHealth], facts: dict[str, Any]) -> str:
    """The table for people."""
    rows = [f"{each.name:<10} {'healthy' if each.healthy else each.reason:<44} {each.url}" for each in services]
    rows += [f"{name.replace('_', ' '):<18} {facts.get(name)}" for name in RELEASE_FACTS]
    if facts.get("held"):
        rows.append(
            "held               cycles publish nothing until the next `lakehouse promote` or `lakehouse rollback`"
        )
    if facts.get("set_aside"):
        rows.append(
            f"set aside          {facts['set_aside']} events that the models could not take; "
            "`lakehouse sql \"select * from silver.duplicates where verdict = 'set_aside'\"` names them and why"
        )
    return "\n".join(rows)
