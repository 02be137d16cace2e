"""How commands talk: progress on stderr, results on stdout, as a table for people or as JSON for programs."""

import json
import sys
from enum import StrEnum
from typing import Any

from lakehouse.transform.verb_plan import VerbPlan


class Format(StrEnum):
    """The value of ``--format``."""

    TABLE = "table"
    JSON = "json"


def progress(line: str) -> None:
    """Tell the operator what is going on."""
    print(line, file=sys.stderr, flush=True)


def print_plan(plan: VerbPlan, output: Format) -> None:
    """What a verb would do, for ``--dry-run``."""
    if output is Format.JSON:
        print_json(plan.document())
    else:
        print("\n".join((f"`lakehouse {plan.verb}` would do this:", *(f"- {step}" for step in plan.steps))))


def print_json(value: Any) -> None:
    """The result, for a program."""
    print(json.dumps(value, indent=2, default=str))
