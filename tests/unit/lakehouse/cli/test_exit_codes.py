"""Exit 2 means broken: what an operator mistyped is refused, with 1."""

import subprocess
import sys
from pathlib import Path

import pytest

LAKEHOUSE = Path(sys.executable).with_name("lakehouse")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["promote"],
        ["drop", "x"],
        ["reprocess", "--from", "zzz"],
        ["reprocess", "--from", "bronze", "--since", "x"],
        ["sql", "select 1", "--format", "xml"],
        ["replay", "/no/such/file"],
        ["status", "--no-such-option"],
        ["edge", "retire", "0123456789abcdef", "--lost"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    done = subprocess.run([LAKEHOUSE, *arguments], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_help_is_done() -> None:
    assert subprocess.run([LAKEHOUSE, "promote", "--help"], capture_output=True).returncode == 0
