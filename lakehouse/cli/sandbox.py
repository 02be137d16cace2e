"""``lakehouse sandbox -- build ...``: dbt on the models of this checkout, in a schema of one's own.

In: dbt's own arguments. Out: dbt's own output and exit code (0 done, 1 a model or test failed, 2 dbt could not run).
"""

from pathlib import Path
from typing import Annotated

import typer

from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_plan, progress
from lakehouse.errors import RefusedError
from lakehouse.settings import load_settings
from lakehouse.transform.definition import PROJECT
from lakehouse.transform.sandboxes import sandbox as sandboxes

app = typer.Typer(add_completion=False)
_Project = Annotated[
    Path, typer.Option(help="The dbt project.", exists=True, file_okay=False, show_default="that of this checkout")
]


@app.command(context_settings={"allow_interspersed_args": False})
def sandbox(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[-- DBT ARGUMENTS]", help="What dbt does.")] = None,
    user: Annotated[str | None, typer.Option(help="Whose sandbox; the login name without it.")] = None,
    project: _Project = PROJECT,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the sandbox and all that is in it.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Run dbt on the models of this checkout, in a sandbox of your own.

    What dbt builds lands in the schema sandbox_USER; what you do not select is read from the current release, as the
    views production_TABLE of the sandbox, which every run points at the release anew. Each build starts from all rows.
    Trino refuses you any write outside of sandboxes. Services never run what lies in a checkout: `lakehouse reprocess`
    makes a candidate of it.

    Examples: lakehouse sandbox -- build --select sales_facts+;
    lakehouse sandbox -- build --select state:modified+ (what differs from the release, and all that is made of it);
    lakehouse sandbox -- test --select test_type:unit (the models on a few literal rows; `build` leaves that out);
    lakehouse sandbox -- show --select merchant_sales --limit 5;
    lakehouse sql "SELECT sum(returns) FROM sandbox_ana.merchant_sales"; lakehouse sandbox --drop
    """
    own = sandboxes.Sandbox.of(load_settings(), user)
    if drop == bool(arguments):
        raise RefusedError("say what dbt shall do: `lakehouse sandbox -- build --select merchant_sales`; or --drop")
    if dry_run:
        print_plan(sandboxes.plan(own, arguments or []), Format.TABLE)
        return
    if drop:
        sandboxes.drop(own)
        progress(f"{own.schema} is gone.")
        return
    raise typer.Exit(sandboxes.run(own, project.resolve(), arguments or [], progress))
