"""``lakehouse drop V``: a candidate is needed no more."""

from typing import Annotated

import typer

from lakehouse.cli.operator import Actor, DryRun, Reason
from lakehouse.cli.output import Format, print_json, print_plan, progress
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.settings import load_settings
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.maintenance import drop as work

app = typer.Typer(add_completion=False)


@app.command()
def drop(
    gold_version: Annotated[int, typer.Argument(help="The candidate's number.")],
    actor: Actor,
    reason: Reason = None,
    dry_run: DryRun = False,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Drop a candidate, also one that is being built. What readers were shown is refused within the retention.

    Examples: lakehouse drop 3 --reason "wrong again"; lakehouse drop 3 --dry-run
    """
    settings = load_settings()
    builder = Builder(settings, HdfsFiles(settings.hdfs_url))
    request = work.DropRequest(GoldVersionNumber(gold_version), actor, reason)
    if dry_run:
        print_plan(work.plan(builder, request), output)
        return
    work.drop(builder, request, progress)
    if output is Format.JSON:
        print_json({"gold_version": gold_version, "dropped": True})
    else:
        print(f"Gold version {gold_version} is dropped.")
