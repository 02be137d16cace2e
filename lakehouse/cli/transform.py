"""``lakehouse transform``: one cycle now, beside or instead of the service that runs them one after the other."""

from typing import Annotated

import typer

from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_json, print_plan, progress
from lakehouse.clients.files import HdfsFiles
from lakehouse.settings import load_settings
from lakehouse.transform.cycle import Cycle
from lakehouse.transform.service import run_once

app = typer.Typer(add_completion=False)


@app.command()
def transform(
    dry_run: DryRun = False,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Build, audit and release what bronze has that readers do not see yet.

    Waits for a cycle of the transform service that is at work. Examples: lakehouse transform;
    lakehouse transform --dry-run; lakehouse transform --format json
    """
    progress("Looking for new bronze commits.")
    settings = load_settings()
    if dry_run:
        print_plan(Cycle(settings, HdfsFiles(settings.hdfs_url)).plan(), output)
        return
    outcome = run_once(settings)
    snapshot = outcome.snapshot.number if outcome.snapshot else None
    release = outcome.release.number if outcome.release else None
    if output is Format.JSON:
        print_json({"rows": outcome.rows, "snapshot": snapshot, "release": release})
    elif snapshot is None:
        print("Nothing new in bronze." if outcome.held else "Nothing new: readers see all of bronze.")
    else:
        print(f"{outcome.rows} bronze rows are in snapshot {snapshot}; release {release or 'unchanged'}.")
    if outcome.held:
        progress(
            f"Release {outcome.held.number} is held: readers see nothing newer, until `lakehouse promote "
            f"{outcome.held.release.gold_version}`, or a rollback without --exact."
        )
