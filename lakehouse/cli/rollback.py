"""``lakehouse rollback``: readers are shown an earlier gold version again, by a new release."""

from typing import Annotated

import typer

from lakehouse.cli.operator import Actor, Why
from lakehouse.cli.output import Format, print_json, progress
from lakehouse.cli.release import summary
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.releases import catalog
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.publishing.rollback import Return, roll_back
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def rollback(
    actor: Actor,
    to: Annotated[int | None, typer.Option(help="The gold version of this release, instead.")] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="That release's own numbers; new events are not shown until you publish again."),
    ] = False,
    why: Why = None,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Take the last promote back: show the gold version that was current before it, at its newest audited snapshot.

    Examples: lakehouse rollback; lakehouse rollback --to 41 --reason "tax is missing"; lakehouse rollback --to 41
    --exact
    """
    settings = load_settings()
    files = HdfsFiles(settings.hdfs_url)
    log = ReleaseLog(files, Layout(settings.warehouse))
    before = log.current()
    try:
        published = roll_back(settings, files, log, Return(actor, to, exact, why))
    except NotFoundError as error:
        raise RefusedError(str(error)) from error
    _say_how_stale(before, published)
    catalog.show_published(Trino.of(settings, user=TRANSFORM_USER), log, progress)
    if output is Format.JSON:
        print_json(summary(published))
    else:
        print(f"Release {published.number} shows gold version {published.release.gold_version}.")
    if published.release.held:
        progress(
            "It is held: it shows exactly what was shown then, and new events are counted but not shown until you "
            f"publish again (`lakehouse promote {published.release.gold_version}`, or a rollback without --exact)."
        )


def _say_how_stale(before: Published | None, published: Published) -> None:
    old, new = (before.release.complete_through if before else None), published.release.complete_through
    if old is not None and (new is None or new < old):
        behind = f"{(old - new) / 3_600_000_000:.1f} hours behind" if new is not None else "complete through no hour"
        then = "" if published.release.held else "; the next cycles bring it up to date"
        progress(f"Gold version {published.release.gold_version} is {behind}{then}.")
