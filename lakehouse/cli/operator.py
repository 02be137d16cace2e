"""Who an operator is, as the log of releases records him."""

import getpass
from typing import Annotated

import typer


def login() -> str:
    """The name that this process runs under; in the log, "who" is as honest as the machine's logins are."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"


Actor = Annotated[str, typer.Option(default_factory=login, help="Who does it, for the log.", show_default="your login")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why, in your own words, for the log.")]
