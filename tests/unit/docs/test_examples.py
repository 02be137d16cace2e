"""What documents tell readers to type is what the command takes: verbs, arguments, options and their values."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```console\n(.+?)^```", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^\$ (.+?)(?=^\$ |^#|\Z)", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:\.venv/bin/)?lakehouse [a-z]+ [^`\n]+)`")
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]*\b|\.\.\.")


def examples(text: str) -> Iterator[list[str]]:
    """The words after ``lakehouse`` of each example that is whole."""
    shown = [command(lines) for block in BLOCK.findall(text) for lines in TYPED.findall(block)]
    shown += [shlex.split(span) for span in SPAN.findall(text) if not PLACEHOLDER.search(span)]
    yield from (words[1:] for words in shown if words and words[0].endswith("lakehouse"))


def command(lines: str) -> list[str]:
    """Up to the end of the line on which no quote is open; what follows is the answer."""
    read = ""
    for line in lines.splitlines(keepends=True):
        read += line
        try:
            return shlex.split(read, comments=True)
        except ValueError:
            continue
    raise AssertionError(f"a quote is open: {lines}")


def parse(verb: str, *rest: str) -> None:
    """Fails where the verb does not take these words; runs nothing."""
    found = typer.main.get_command(importlib.import_module(f"lakehouse.cli.{verb.replace('-', '_')}").app)
    if hasattr(found, "commands"):
        found, rest = found.commands[rest[0]], rest[1:]
    found.make_context(verb, list(rest))


FOUND = [(path.name, words) for path in DOCUMENTS for words in examples(path.read_text())]


def test_examples_are_found() -> None:
    assert len(FOUND) > 12
    assert {words[0] for _, words in FOUND} >= {"sql", "reprocess", "diff", "promote", "rollback", "drop", "token"}


@pytest.mark.parametrize("words", [words for _, words in FOUND], ids=[f"{name}-{words[0]}" for name, words in FOUND])
def test_the_command_takes_it(words: list[str]) -> None:
    parse(*words)


@pytest.mark.parametrize("words", [["promote", "2", "--nothing"], ["reprocess", "--from", "silver"], ["token", "sell"]])
def test_what_the_command_does_not_take_is_seen(words: list[str]) -> None:
    with pytest.raises(Exception, match=r"No such option|is not one of|sell"):
        parse(*words)


def test_readme_is_a_tour() -> None:
    assert len(README.splitlines()) <= 120
