"""How commands talk: progress on stderr, results on stdout, as a table for people or as JSON for programs."""

import io
import json
import sys
from collections.abc import Container, Iterable, Sequence
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lakehouse.verb_plan import VerbPlan

_WIDEST = 10_000
"""Lines are never broken: a program may read them, and a terminal breaks them itself."""


class Format(StrEnum):
    """The value of ``--format``."""

    TABLE = "table"
    JSON = "json"


def progress(line: str) -> None:
    """Tell the operator what is going on."""
    print(line, file=sys.stderr, flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, left: Container[str] = ()) -> str:
    """Rows of cells below their columns' names; numbers, and whatever is not named in ``left``, end at the right."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="none")
    for name in columns:
        made.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    text = io.StringIO()
    Console(file=text, width=_WIDEST, color_system=None).print(made)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def print_plan(plan: VerbPlan, output: Format) -> None:
    """What a verb would do, for ``--dry-run``."""
    if output is Format.JSON:
        print_json(plan.document())
    else:
        print("\n".join((f"`lakehouse {plan.verb}` would do this:", *(f"- {step}" for step in plan.steps))))


def print_json(value: Any) -> None:
    """The result, for a program."""
    print(json.dumps(value, indent=2, default=str))
