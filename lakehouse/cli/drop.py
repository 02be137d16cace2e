"""``lakehouse drop V``: a candidate is needed no more."""

from typing import Annotated

import typer

from lakehouse.cli.operator import Actor, Reason
from lakehouse.cli.output import Format, print_json, progress
from lakehouse.clients.files import HdfsFiles
from lakehouse.settings import load_settings
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.maintenance.drop import drop as drop_version

app = typer.Typer(add_completion=False)


@app.command()
def drop(
    gold_version: Annotated[int, typer.Argument(help="The candidate's number.")],
    actor: Actor,
    reason: Reason = None,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Drop a candidate, also one that is being built. What readers were shown is refused within the retention.

    Example: lakehouse drop 3 --reason "wrong again"
    """
    settings = load_settings()
    drop_version(Builder(settings, HdfsFiles(settings.hdfs_url)), gold_version, actor, reason, progress)
    if output is Format.JSON:
        print_json({"gold_version": gold_version, "dropped": True})
    else:
        print(f"Gold version {gold_version} is dropped.")
