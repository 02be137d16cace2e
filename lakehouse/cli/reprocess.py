"""``lakehouse reprocess``: history, built anew beside what readers see.

In: the dbt project that is checked out, and bounds. Out: a candidate, caught up with the live line; the last line on
stdout is its number. Killed or ended, it goes on in the transform service; run again, it is waited for.
"""

from pathlib import Path
from typing import Annotated

import typer

from lakehouse.cli import bars
from lakehouse.cli.operator import Actor, DryRun, Reason
from lakehouse.cli.output import Format, print_json, print_plan, progress
from lakehouse.clients.files import HdfsFiles
from lakehouse.instants import bound
from lakehouse.settings import load_settings
from lakehouse.transform import definition
from lakehouse.transform.backfill import dry_run as work
from lakehouse.transform.backfill.plan import ReprocessRequest, Source
from lakehouse.transform.backfill.reprocess import carry_out, start
from lakehouse.transform.building.builder import Builder

app = typer.Typer(add_completion=False)


@app.command()
def reprocess(
    actor: Actor,
    source: Annotated[
        Source, typer.Option("--from", help="bronze, or the raw files where bronze itself is wrong.")
    ] = Source.BRONZE,
    since: Annotated[
        str | None,
        typer.Option(help="Only events of this UTC day (or that of an instant) and later; the rest stays as shown."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only events before this UTC day.")] = None,
    reuse: Annotated[
        bool,
        typer.Option(
            "--reuse-unchanged",
            help="Share those tables of the current release's gold version whose models, and all above, are the same; "
            "none, where a model that reads bronze differs. Not with --since, --until or --from raw.",
        ),
    ] = False,
    reason: Reason = None,
    project: Annotated[Path, typer.Option(help="The dbt project to freeze.")] = definition.PROJECT,
    dry_run: DryRun = False,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Build history anew, with the definition now checked out, beside the one that readers see.

    Returns once the candidate has caught up with the live line, which goes on meanwhile; from then on it is kept up to
    date until it is promoted or dropped. An unfinished one of the same definition and bounds is taken up again.

    Examples: lakehouse reprocess --from bronze; lakehouse reprocess --from bronze --since 2026-03-01 --reason "refunds
    were counted twice"; lakehouse reprocess --from raw
    """
    settings = load_settings()
    request = ReprocessRequest(source, actor, reason, bound("--since", since), bound("--until", until), reuse, project)
    if dry_run:
        print_plan(work.dry_run(Builder(settings, HdfsFiles(settings.hdfs_url)), request), output)
        return
    version = start(settings, request)
    progress(f"Gold version {version.version} is built from definition {version.definition.fingerprint[:12]}.")
    try:
        with bars.rebuild() as (say, watch):
            carry_out(settings, version, say, watch)
    except KeyboardInterrupt:
        progress(
            f"Gold version {version.version} is built on by the transform service; "
            f"`lakehouse drop {version.version}` ends that."
        )
        raise
    if output is Format.JSON:
        print_json({"gold_version": version.version, "definition": version.definition.fingerprint})
    else:
        print(version.version)
