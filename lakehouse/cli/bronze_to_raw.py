"""``lakehouse bronze-to-raw``: raw files for what no raw file has, from bronze.

In: the gaps that ``status`` and ``reconcile`` count. Out: how many are filled. Exit 1 if bronze lacks some of them.
"""

from typing import Annotated

import typer

from lakehouse.bronze_to_raw.filling import BronzeToRaw
from lakehouse.cli.bars import Counting
from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_json, print_plan, progress
from lakehouse.clients.files import HdfsFiles
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def bronze_to_raw(
    dry_run: DryRun = False,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Fill raw gaps: write raw files from bronze for events that no raw file has.

    An edge whose disk was full while HDFS was away, or is gone, has left them. They get their own positions, so that
    bronze can be made of raw files again. What bronze does not have (yet) is named. It may be ended at any moment, and
    run again; what is in a raw file is not written twice. Exits with 1 if bronze lacks some.

    Examples: lakehouse bronze-to-raw --dry-run; lakehouse bronze-to-raw --format json
    """
    settings = load_settings()
    verb = BronzeToRaw.of(settings, HdfsFiles(settings.hdfs_url))
    progress("Looking for what raw files lack and bronze has.")
    filling = verb.plan()
    code = 1 if filling.missing else 0
    if dry_run:
        print_plan(filling.plan(), output)
        raise typer.Exit(code)
    with Counting(filling.events, "events", "bronze to raw") as bar:
        events, files = verb.carry_out(filling, bar.update)
    if output is Format.JSON:
        print_json(filling.document() | {"filled": events, "files": files})
    else:
        print("\n".join((f"{events:,} events are in {files:,} new raw files.", *filling.lines())))
    raise typer.Exit(code)
