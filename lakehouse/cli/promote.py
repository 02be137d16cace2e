"""``lakehouse promote V``: readers are shown a candidate, in one release. Exit 1 with the gate that does not open."""

from typing import Annotated

import typer

from lakehouse.cli.operator import Actor, DryRun, Reason
from lakehouse.cli.output import Format, print_json, print_plan, progress
from lakehouse.cli.release import summary
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.log import ReleaseLog
from lakehouse.settings import load_settings
from lakehouse.transform.publishing import everywhere
from lakehouse.transform.publishing import promote as work

app = typer.Typer(add_completion=False)


@app.command()
def promote(
    gold_version: Annotated[int, typer.Argument(help="The candidate's number, as `lakehouse reprocess` prints it.")],
    actor: Actor,
    reason: Reason = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Also beyond that limit, or without some measures; needs --reason."),
    ] = False,
    accept_unproved: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-unproved",
            metavar="EDGE",
            help="Although hours of this edge cannot be judged; needs --reason, and is kept in the release.",
        ),
    ] = None,
    dry_run: DryRun = False,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Show readers another gold version: API, SQL and all tables at once.

    Checked first: that it has all tables and measures that readers know, that its ledger is balanced, that it has
    caught up, and that no metric's total changes by more than the share LAKEHOUSE_RELEASES__MAX_CHANGE (0.05 is 5 %).
    Until that is set, there is no limit.

    What has not been judged is not proved: while hours of an edge cannot be judged that is dead or cannot be read, a
    promote is refused. Start that edge again or retire it (`lakehouse edge retire`); or name it, or its incarnation,
    with --accept-unproved.

    Examples: lakehouse promote 2 --dry-run; lakehouse promote 2;
    lakehouse promote 2 --accept --reason "refunds were counted twice";
    lakehouse promote 2 --accept-unproved edge-7 --reason "its host is back on Monday"
    """
    settings = load_settings()
    files = HdfsFiles(settings.hdfs_url)
    request = work.PromoteRequest(
        GoldVersionNumber(gold_version), actor, reason, accept, accept_unproved=tuple(accept_unproved or ())
    )
    if dry_run:
        print_plan(work.plan(settings, files, request), output)
        return
    published = work.promote(settings, files, request, progress)
    everywhere.show(settings, ReleaseLog(files, Layout(settings.warehouse)), published, progress)
    if output is Format.JSON:
        print_json(summary(published))
    else:
        print(f"Release {published.number} shows gold version {gold_version}.")
