"""``lakehouse diff VERSION``: what readers would see change if a gold version were promoted.

In: the number of a gold version, and the release to compare it with. Out: the difference, for people, as JSON
(contract 3) or as one HTML page. Nothing is changed. Exit 0 whether or not the two differ.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.cli.output import progress
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.errors import RefusedError
from lakehouse.settings import load_settings
from lakehouse.transform.diff import page, text
from lakehouse.transform.diff.document import json_text
from lakehouse.transform.diff.model import Difference, Limits
from lakehouse.transform.diff.request import difference_of

app = typer.Typer(add_completion=False)

_TOP = 20
_TOP_FOR_PROGRAMS = 1000


class Shape(StrEnum):
    """The value of ``--format``."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


@app.command()
def diff(
    version: Annotated[int, typer.Argument(help="The gold version, for example a candidate that `reprocess` built.")],
    against: Annotated[
        int | None, typer.Option(metavar="RELEASE", help="The release to compare it with; the current one without it.")
    ] = None,
    output: Annotated[Shape, typer.Option("--format", help="For people, for programs, or a page.")] = Shape.TABLE,
    file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write there and not to stdout.")
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, help=f"So many merchants and hours ({_TOP}; {_TOP_FOR_PROGRAMS} in JSON)."),
    ] = None,
) -> None:
    """Show what differs between a gold version and what readers see, both at the same bronze commits.

    Rows per table, metrics in money, the most affected merchants and hours, columns, and some rows of both.

    Examples: lakehouse diff 3; lakehouse diff 3 --against 42 --format json;
    lakehouse diff 3 --format html --output diff.html
    """
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise RefusedError(f"{file} cannot be written: name a file in a folder that is there (--output)")
    settings = load_settings()
    limits = Limits(top=top or (_TOP_FOR_PROGRAMS if output is Shape.JSON else _TOP))
    found = difference_of(
        settings,
        Trino.of(settings, read_only=True),
        GoldVersionNumber(version),
        None if against is None else ReleaseNumber(against),
        limits,
        progress,
    )
    rendered = render(found, output)
    if file is None:
        print(rendered, end="")
        return
    try:
        file.write_text(rendered, encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"{file} cannot be written: {error.strerror}; name another --output") from error
    progress(f"written to {file}")


def render(difference: Difference, shape: Shape) -> str:
    """The text to print."""
    if shape is Shape.JSON:
        return json_text(difference)
    return page.render(difference) if shape is Shape.HTML else text.render(difference)
