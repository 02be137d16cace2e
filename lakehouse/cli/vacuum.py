"""``lakehouse vacuum``: removes the files that no retained release, gold version or writer needs."""

from typing import Annotated, Any

import typer

from lakehouse.cli.bars import Counting
from lakehouse.cli.output import Format, print_json, progress, table
from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import BEFORE_FIRST_RELEASE
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.releases.restated import restated_through
from lakehouse.settings import load_settings
from lakehouse.transform.locks import undisturbed
from lakehouse.transform.maintenance import vacuum as work

app = typer.Typer(add_completion=False)


@app.command()
def vacuum(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and remove nothing.")] = False,
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = Format.TABLE,
) -> None:
    """Remove the files of silver and gold that nobody may ask for any more.

    What a release within the retention shows stays (LAKEHOUSE_RELEASES__RETENTION), silver's former states for
    LAKEHOUSE_RELEASES__SILVER_WINDOW, and every file younger than LAKEHOUSE_RELEASES__VACUUM_MARGIN. Releases whose
    restatements are not computed yet are waited for. Dropped gold versions go whole. It may run beside everything else,
    and be ended at any moment.

    Examples: lakehouse vacuum --dry-run; lakehouse vacuum --format json
    """
    settings = load_settings()
    files, layout = HdfsFiles(settings.hdfs_url), Layout(settings.warehouse)
    trino = Trino.of(settings, user=TRANSFORM_USER)
    with undisturbed(settings):
        progress("Reading the release log and the tables' logs.")
        at = work.moment(trino, files, layout, settings.releases.vacuum_margin)
        # Before the first look of the restatements none is computed: every release is waited for.
        plan = work.plan(files, layout, settings.releases, at, restated_through(files, layout) or BEFORE_FIRST_RELEASE)
        if not dry_run:
            with Counting(plan.bytes, "B", "vacuum") as bar:
                work.carry_out(plan, trino, files, settings, bar.update)
    document = plan.document() | {"dry_run": dry_run}
    if output is Format.JSON:
        print_json(document)
    else:
        print(as_text(document))


def as_text(document: dict[str, Any]) -> str:
    """A line for each table of which something goes, then the sum."""
    rows = [
        (row["table"], row["files"], row["log_files"], row["bytes"], "dropped" if row["whole"] else row["kept_bytes"])
        for row in document["tables"]
    ]
    lines = [table(("table", "files", "log files", "bytes", "bytes kept"), rows, left=("table",))] if rows else []
    if document["staging"]["files"]:
        lines.append(f"{document['staging']['files']:,} files were left behind in staging.")
    verb = "would be removed" if document["dry_run"] else "are removed"
    return "\n".join([*lines, f"{document['files']:,} files with {document['bytes']:,} bytes {verb}."])
