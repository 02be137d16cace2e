"""``docs/contracts.md`` says what the code does: types, fields, reasons, limits, routes, verbs, columns."""

import importlib
import re
from pathlib import Path

import pytest
import typer

from api.http.openapi_parameters import PARAMETERS
from api.schemas import Receipt
from ingestion.event_structs import MAX_ID, MAX_SOURCE
from ingestion.rejections import Reason
from ingestion.strict_json import MAX_NAME_BYTES
from lakehouse.cli.main import VERBS
from lakehouse.contracts.events import SHAPES, DataShape, EventType
from lakehouse.ledger.judge import COLUMNS
from lakehouse.settings import Settings
from lakehouse.tokens import Scope

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "contracts.md").read_text()


def contract(number: int) -> str:
    """Without what is not there yet."""
    return _halves(number)[0]


def not_yet(number: int) -> str:
    return _halves(number)[1]


def _halves(number: int) -> tuple[str, str]:
    whole = TEXT.partition(f"## Contract {number}: ")[2].partition("\n## ")[0]
    there, _, missing = whole.partition(f"### Not yet in contract {number}")
    return there, missing


def options(verb: str) -> set[str]:
    """Those of a verb and of what stands below it, as in ``token issue``."""
    command = typer.main.get_command(importlib.import_module(f"lakehouse.cli.{verb.replace('-', '_')}").app)
    commands = [command, *getattr(command, "commands", {}).values()]
    return {option for one in commands for parameter in one.params for option in parameter.opts}


def words(text: str) -> set[str]:
    return {word for span in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w.:-]+", span)}


def row(name: str) -> list[set[str]]:
    line = next(line for line in contract(1).splitlines() if line.startswith(f"| `{name}`"))
    return [words(cell) for cell in line.strip("| ").split(" | ")]


@pytest.mark.parametrize("event_type", [one for one in EventType if one is not EventType.PAYMENT_FAILED])
def test_fields_of_a_type(event_type: EventType) -> None:
    shape: DataShape = SHAPES[event_type]
    _, required, *optional = row(event_type)
    assert required == set(shape.required)
    assert (optional or [set()])[0] == set(shape.optional)


def test_no_other_type() -> None:
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", contract(1), re.MULTILINE)) == set(EventType)


def test_reasons_and_scopes() -> None:
    assert words(contract(1)) >= set(Reason)
    assert words(contract(2)) >= set(Scope)


def test_limits() -> None:
    edge = Settings().edge
    assert (edge.max_body_bytes, edge.max_event_bytes) == (1 << 20, 64 << 10)
    assert (MAX_ID, MAX_SOURCE) == (256, 1024)
    said = contract(1)
    for limit in (
        edge.max_batch_events,
        edge.max_json_depth,
        MAX_ID,
        MAX_SOURCE,
        MAX_NAME_BYTES,
        edge.quota_events_per_second,
        edge.quota_bytes_per_second,
    ):
        assert re.search(rf"\b{limit:,}\b", said), limit


def test_receipt_and_parameters() -> None:
    assert set(re.findall(r'"(\w+)":', contract(2))) >= set(Receipt.__struct_fields__)
    asked = {"metrics", "from", "to", "grain", "tz", "currency", "compare", "as_known_at", "release"}
    assert asked <= set(PARAMETERS)
    assert words(contract(2)) >= asked


def test_verbs_and_columns() -> None:
    assert words(contract(3)) >= set(VERBS)
    assert words(contract(3)) >= set(COLUMNS)


def test_options_of_verbs() -> None:
    for line in re.findall(r"^\| `.+", contract(3), re.MULTILINE):
        cell = line.partition(" | ")[0]
        named = set(re.findall(r"--[a-z-]+", cell))
        verbs = [verb for verb in re.findall(r"`([a-z-]+)", cell) if verb in VERBS]
        assert not named or named <= set().union(*map(options, verbs)), line


def test_dry_run_is_promised_of_the_verbs_that_have_it() -> None:
    line = next(line for line in contract(3).splitlines() if "with `--dry-run`" in line)
    assert words(line) & set(VERBS) == {verb for verb in VERBS if "--dry-run" not in options(verb)}


def test_what_is_not_yet_there_is_missing() -> None:
    assert not words(not_yet(1)) & set(EventType)
    routes = "\n".join(path.read_text() for path in (ROOT / "api" / "http").glob("*.py"))
    assert [name for name in ("products", "events", "accepted", "rejected") if f"}}}}/{name}" in routes] == []
    assert not {"maintain", "fsck", "backup", "restore", "plan"} & set(VERBS)
