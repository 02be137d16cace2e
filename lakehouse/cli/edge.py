"""``lakehouse edge list|retire``: which edges there are, and what becomes of one whose disk is gone."""

from typing import Annotated

import typer

from lakehouse import instants
from lakehouse.cli.operator import Actor, DryRun
from lakehouse.cli.output import Format, print_json, print_plan, progress, table
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.layout import Layout
from lakehouse.ledger.edge_list import list_edges
from lakehouse.ledger.retire import Retire, RetireRequest
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False, help="List the edges, or retire one whose disk is gone.", no_args_is_help=True)
_Output = Annotated[Format, typer.Option("--format", help="For people or for programs.")]
_TEXTS = frozenset({"edge", "incarnation", "state", "watermark", "heard_at", "problem"})


@app.command("list")
def list_command(
    every: Annotated[bool, typer.Option("--all", help="Also those that have closed: they owe nothing.")] = False,
    output: _Output = Format.TABLE,
) -> None:
    """List each incarnation (start) of each edge that still accepts, or owes something.

    All numbers are the edge's own, as of `heard_at`: how many events it has accepted, how many of them Kafka has not
    acknowledged (`undelivered`) and how many are in no committed raw file yet (`unshipped`). It is `live`; or
    `draining`: it accepts nothing more; or `silent`: it has not been heard for
    LAKEHOUSE_TRANSFORM__EDGE_SILENT_AFTER; or `retired`; or `closed`. Where its ledger cannot be read, `problem` says
    why, and its numbers are not known.

    Examples: lakehouse edge list --format json; lakehouse edge list --all
    """
    settings = load_settings()
    files, layout = HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)
    found = list_edges(files, layout, instants.now(), settings.transform.edge_silent_after, closed=every)
    rows = [one.document() for one in found]
    if output is Format.JSON:
        print_json({"edges": rows})
    elif rows:
        names = max(rows, key=len).keys()  # one with a problem has a name more
        cells = [["-" if row.get(name) is None else row[name] for name in names] for row in rows]
        print(table([name.replace("_", " ") for name in names], cells, left={one.replace("_", " ") for one in _TEXTS}))
    else:
        print("No edge owes anything; --all lists those that have closed.")


@app.command()
def retire(
    incarnation: Annotated[str, typer.Argument(help="As `edge list` or `reconcile` names it.")],
    actor: Actor,
    reason: Annotated[str, typer.Option("--reason", help="Why, in your own words; `reconcile` shows it.")],
    lost: Annotated[bool, typer.Option("--lost", help="Its disk is gone: book as lost what is missing.")] = False,
    dry_run: DryRun = False,
    output: _Output = Format.TABLE,
) -> None:
    """Book as lost what an edge still owes whose disk is gone, so that its hours can be judged.

    Only what no stage has seen is lost. What is counted and in no raw file becomes a raw gap. Should the disk turn up
    after all, start the edge: it delivers, and what arrives is not lost any more. Refused while the edge is alive.

    Examples: lakehouse edge retire 3f1c9a2b7d4e8f60 --lost --reason "disk of host 7 is gone" --dry-run;
    lakehouse edge retire 3f1c9a2b7d4e8f60 --lost --reason "disk of host 7 is gone" --format json
    """
    settings = load_settings()
    verb = Retire.of(settings, HdfsFiles(settings.hdfs_url))
    progress("Reading what every stage has.")
    retiring = verb.plan(RetireRequest(incarnation.rpartition("/")[2], lost, actor, reason))
    if dry_run:
        print_plan(retiring.plan(), output)
        return
    verb.carry_out(retiring)
    if output is Format.JSON:
        print_json(retiring.document() | {"retired": True})
    else:
        print("\n".join((f"{'/'.join(retiring.stream)} is retired.", *(f"- {step}" for step in retiring.steps()))))
