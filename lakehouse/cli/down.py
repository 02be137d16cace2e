"""``lakehouse down``: stop everything that belongs to the stack. State stays; ``up`` goes on from it."""

import typer

from compose.local import supervisor
from compose.local.program import Layout
from lakehouse.cli.output import progress
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False)
_PATIENCE_SECONDS = 120


@app.command()
def down() -> None:
    """Stop everything that belongs to the stack at LAKEHOUSE_HOME.

    Services first, then the servers below them. Nothing that was accepted is lost, and a second call does nothing.

    Example: lakehouse down
    """
    layout = Layout(load_settings().home_path)
    if supervisor.stop(layout, _PATIENCE_SECONDS):
        progress(f"The stack at {layout.home} is down.")
    else:
        progress(f"Nothing of the stack at {layout.home} was running.")
