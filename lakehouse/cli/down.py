"""``lakehouse down``: stop everything that belongs to the stack. State stays; ``up`` goes on from it."""

import typer

from compose.local import processes, supervisor
from compose.local.program import Layout
from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_plan, progress
from lakehouse.settings import load_settings
from lakehouse.verb_plan import VerbPlan

app = typer.Typer(add_completion=False)
_PATIENCE_SECONDS = 120


@app.command()
def down(dry_run: DryRun = False) -> None:
    """Stop everything that belongs to the stack at LAKEHOUSE_HOME.

    Services first, then the servers below them. Nothing that was accepted is lost, and a second call does nothing.

    Examples: lakehouse down; lakehouse down --dry-run
    """
    layout = Layout(load_settings().home_path)
    if dry_run:
        count = len(processes.of_stack(layout.home))
        step = f"{count} processes of the stack at {layout.home} are stopped" if count else "nothing is running"
        print_plan(VerbPlan("down", (step,)), Format.TABLE)
        return
    if supervisor.stop(layout, _PATIENCE_SECONDS):
        progress(f"The stack at {layout.home} is down.")
    else:
        progress(f"Nothing of the stack at {layout.home} was running.")
