"""``lakehouse rollback``: readers are shown an earlier gold version again, by a new release."""

from typing import Annotated

import typer

from lakehouse.cli.operator import Actor, DryRun, Reason
from lakehouse.cli.output import Format, print_json, print_plan, progress
from lakehouse.cli.release import summary
from lakehouse.clients.files import HdfsFiles
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.releases.log import ReleaseLog
from lakehouse.settings import load_settings
from lakehouse.transform.publishing import everywhere
from lakehouse.transform.publishing import rollback as work

app = typer.Typer(add_completion=False)


@app.command()
def rollback(
    actor: Actor,
    to: Annotated[int | None, typer.Option(help="The gold version of this release, instead.")] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="That release's own numbers; new events are not shown until you publish again."),
    ] = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Take the last promote back: show the gold version that was current before it, at its newest audited snapshot.

    That is kept up to date for LAKEHOUSE_RELEASES__FEED_FORMER after the promote. Later, this says how far it is behind
    what readers saw (`seconds_behind` in JSON), and the next cycles bring it up to date.

    Examples: lakehouse rollback; lakehouse rollback --to 41 --reason "tax is missing"; lakehouse rollback --to 41
    --exact
    """
    settings = load_settings()
    files = HdfsFiles(settings.hdfs_url)
    log = ReleaseLog(files, Layout(settings.warehouse))
    request = work.RollbackRequest(actor, None if to is None else ReleaseNumber(to), exact, reason)
    if dry_run:
        print_plan(work.plan(settings, files, request), output)
        return
    try:
        published = work.roll_back(settings, files, log, request)
    except NotFoundError as error:
        raise RefusedError(str(error)) from error
    behind = work.seconds_behind(log, published)
    if stale := work.how_stale(published, behind):
        progress(stale)
    everywhere.show(settings, log, published, progress)
    if output is Format.JSON:
        print_json(summary(published) | {"seconds_behind": behind})
    else:
        print(f"Release {published.number} shows gold version {published.release.gold_version}.")
    if published.release.held:
        progress(
            "It is held: it shows exactly what was shown then, and new events are counted but not shown until you "
            f"publish again (`lakehouse promote {published.release.gold_version}`, or a rollback without --exact)."
        )
