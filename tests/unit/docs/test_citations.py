"""Contracts and promises that are cited by number stand in ``docs/contracts.md``; those that code cites hold today."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = (ROOT / "docs" / "contracts.md").read_text()
HEADING = re.compile(r"^#+ (Contract|Promise) (\d+): ", re.MULTILINE)
CITATION = re.compile(r"\b(contract|promise) (\d+)\b", re.IGNORECASE)
TEXTS = {".py", ".sql", ".yml", ".md", ".java", ".js", ".html", ".ipynb", ""}

HEADINGS = {(kind.lower(), number) for kind, number in HEADING.findall(CONTRACTS)}
HOLDING = {
    (kind.lower(), number)
    for kind, number in HEADING.findall(CONTRACTS.partition("### Promises that do not hold yet")[0])
}


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [path for name in names if name and (path := ROOT / name).suffix in TEXTS and path.is_file()]


CITING = {
    path.relative_to(ROOT): cited
    for path in tracked()
    if (cited := {(kind.lower(), number) for kind, number in CITATION.findall(path.read_text())})
}


def test_each_number_is_given_once() -> None:
    found = HEADING.findall(CONTRACTS)
    assert [number for kind, number in found if kind == "Contract"] == ["1", "2", "3", "4"]
    assert [number for kind, number in found if kind == "Promise"] == [str(number) for number in range(1, 9)]


def test_contracts_are_cited_at_all() -> None:
    assert len(CITING) > 30


@pytest.mark.parametrize("path", CITING, ids=str)
def test_what_is_cited_is_there(path: Path) -> None:
    assert CITING[path] <= HEADINGS


@pytest.mark.parametrize("path", [path for path in CITING if path.suffix == ".py"], ids=str)
def test_code_claims_only_what_holds_today(path: Path) -> None:
    assert CITING[path] <= HOLDING
