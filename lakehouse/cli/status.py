"""``lakehouse status``: which services work, and how fresh the numbers are. Prints within five seconds, always."""

from typing import Annotated, Any

import typer

from lakehouse import stack_health
from lakehouse.cli.output import Format, print_json
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
    services = stack_health.check(settings, also=lambda: facts.update(release_facts(settings)))
    report = {
        "services": [{"name": each.name, "url": each.url, "healthy": each.healthy} for each in services],
        **{name: facts.get(name) for name in (*RELEASE_FACTS, "set_aside")},
    }
    if output is Format.JSON:
        print_json(report)
    else:
        print(render(services, facts))


def release_facts(settings: Settings) -> dict[str, Any]:
    """What the insights API says of the current release."""
    facts: dict[str, Any] = stack_health.read_json(f"{settings.insights_url}/v1/status")
    return facts


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
