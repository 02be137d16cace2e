"""ARCHITECTURE.md lists every decision, and each decision and each invariant names a test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
TEST = re.compile(r"`((?:[\w.-]+/)*tests/[\w./-]+\.(?:py|sql))`")
TABLE = ARCHITECTURE.partition("## Invariants")[2].partition("\n## ")[0]
INVARIANTS = [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| invariant")]


def title(decision: Path) -> str:
    return decision.read_text().partition("\n")[0].removeprefix("# ")


def test_the_page_is_short() -> None:
    assert len(ARCHITECTURE.splitlines()) < 200


def test_every_decision_is_listed_by_its_title() -> None:
    listed = re.findall(r"^(\d+)\. \[(.+)\]\((.+)\)$", ARCHITECTURE, re.MULTILINE)
    found = [(title(path), path.relative_to(ROOT).as_posix()) for path in DECISIONS]
    assert [(f"{number}. {name}", link) for number, name, link in listed] == found


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_names_its_test(decision: Path) -> None:
    enforced = re.search(r"^Enforced by: ((?:.|\n)+)", decision.read_text(), re.MULTILINE)
    assert enforced
    assert TEST.search(enforced[1])


@pytest.mark.parametrize("row", INVARIANTS, ids=lambda row: row[2:40])
def test_an_invariant_names_tests_that_are_there(row: str) -> None:
    tests = TEST.findall(row)
    assert tests
    assert [test for test in tests if not (ROOT / test).is_file()] == []
