"""What documents name is there: files, folders, verbs, and a test for each invariant."""

import re
import subprocess
from pathlib import Path

import pytest

from lakehouse.cli.main import VERBS

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "bench/README.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
FOLDERS = {parent.as_posix() for name in TRACKED for parent in Path(name).parents}
SPAN = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"([\w.-]+/)*[\w.-]+\.(py|sql|yml|md|lock|xml|in|toml|ipynb|java|json)")
FOLDER = re.compile(r"([\w.-]+/)+")
TARGET = re.compile(r"(?:`|^\$ )make ([a-z-]+)", re.MULTILINE)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
VERB = re.compile(r"`(?:\.venv/bin/)?lakehouse ([a-z]+(?:-[a-z]+)*)")
PLACEHOLDERS = {"bench/reports/NAME.md"}


def ends_with(names: set[str] | list[str], wanted: str) -> bool:
    """Documents leave out the folders that the reader knows."""
    return any(name == wanted or name.endswith(f"/{wanted}") for name in names)


def named(document: str) -> set[str]:
    """The files and folders in a document's code spans; what follows a colon or a space is inside of the file."""
    spans = {re.split("[: ]", span)[0] for span in SPAN.findall((ROOT / document).read_text())}
    return {span for span in spans if FILE.fullmatch(span) or FOLDER.fullmatch(span)} - PLACEHOLDERS


def is_there(name: str) -> bool:
    return ends_with(FOLDERS, name.rstrip("/")) if name.endswith("/") else ends_with(TRACKED, name)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_folders_exist(document: str) -> None:
    assert [name for name in named(document) if not is_there(name)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_only_verbs_that_are_there_are_named(document: str) -> None:
    assert set(VERB.findall((ROOT / document).read_text())) <= set(VERBS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_only_targets_of_make_that_are_there_are_named(document: str) -> None:
    assert set(TARGET.findall((ROOT / document).read_text())) <= TARGETS


def test_operators_find_every_verb() -> None:
    table = (ROOT / "docs" / "operators.md").read_text().partition("## Settings")[0]
    assert {word for span in SPAN.findall(table) for word in span.split()} >= set(VERBS)
