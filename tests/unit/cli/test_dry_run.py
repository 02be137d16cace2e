"""``--dry-run`` prints the plan and changes nothing; what would be refused exits 1."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lakehouse.cli import drop, promote, reprocess, rollback
from lakehouse.errors import RefusedError
from lakehouse.transform.publishing.gates import caught_up
from lakehouse.transform.publishing.promote import Promote
from tests.unit.transform.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse

Run = Callable[..., Result]
VERBS = {"drop": drop, "promote": promote, "reprocess": reprocess, "rollback": rollback}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoggedWarehouse:
    """Version 1 was shown by release 1, version 2 by release 2; version 3 is a candidate."""
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKEHOUSE_WAREHOUSE", LAYOUT.root)
    made = LoggedWarehouse(tmp_path / "hdfs")
    one, two, three = made.version(), made.version(CANDIDATE), made.version(CANDIDATE)
    made.cycle(one)
    made.snapshot(two)
    made.promote(two)
    made.snapshot(three)
    for module in VERBS.values():
        monkeypatch.setattr(module, "HdfsFiles", lambda _: made.files)
    monkeypatch.setattr(Promote, "of", lambda builder, **_: Promote(builder, (), (caught_up,)))
    return made


def run(*arguments: str) -> Result:
    verb, *rest = arguments
    return CliRunner().invoke(VERBS[verb].app, [*rest, "--actor", "olga", "--dry-run"])


def documents(warehouse: LoggedWarehouse) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in warehouse.files._folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("promote", "3", "--reason", "tax"), {"gold_version": 3, "parent": 2, "reason": "tax"}),
        (("rollback",), {"gold_version": 1, "parent": 2, "held": False}),
        (("drop", "3"), {"gold_version": 3, "bytes": 0}),
        (("reprocess", "--from", "raw", "--until", "2026-03-01"), {"gold_version": 4, "until": "2026-03-01"}),
    ],
)
def test_the_plan_is_printed_and_nothing_changes(
    warehouse: LoggedWarehouse, arguments: tuple[str, ...], expected: dict[str, Any]
) -> None:
    before = documents(warehouse)
    done = run(*arguments, "--format", "json")
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    assert (plan["verb"], plan["dry_run"]) == (arguments[0], True)
    assert {name: plan[name] for name in expected} == expected
    told = run(*arguments).stdout.splitlines()
    assert told == [f"`lakehouse {arguments[0]}` would do this:", *(f"- {step}" for step in plan["steps"])]
    assert documents(warehouse) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("promote", "2"),
        ("promote", "3", "--accept"),
        ("rollback", "--to", "9"),
        ("rollback", "--to", "2"),
        ("drop", "2"),
        ("drop", "9"),
        ("reprocess", "--since", "2026-03-02", "--until", "2026-03-01"),
        ("reprocess", "--project", "/nowhere"),
    ],
)
def test_what_would_be_refused_exits_1(warehouse: LoggedWarehouse, arguments: tuple[str, ...]) -> None:
    before = documents(warehouse)
    done = run(*arguments)
    assert isinstance(done.exception, RefusedError)
    assert done.exception.exit_code == 1
    assert documents(warehouse) == before
