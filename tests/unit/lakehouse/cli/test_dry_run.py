"""``--dry-run`` prints the plan and changes nothing; what would be refused exits 1."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lakehouse import stack_health
from lakehouse.cli import demo, down, drop, promote, replay, reprocess, rollback, sandbox, token, transform, up
from lakehouse.errors import RefusedError
from lakehouse.transform.publishing.gates import caught_up
from lakehouse.transform.publishing.promote import Promote
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse

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


OTHERS = {
    "demo": demo,
    "down": down,
    "replay": replay,
    "sandbox": sandbox,
    "token": token,
    "transform": transform,
    "up": up,
}


def of_home(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def look(verb: str, *arguments: str) -> Result:
    return CliRunner().invoke(OTHERS[verb].app, list(arguments))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without a stack. No port is tried: it could be another's, who has it for a moment or answers late."""
    monkeypatch.setattr(up, "check_ports", lambda *_: None)
    monkeypatch.setattr(stack_health, "ask_all", lambda questions: dict.fromkeys(questions, "does not answer"))
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_cycle_says_what_it_would_build(warehouse: LoggedWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform, "HdfsFiles", lambda _: warehouse.files)
    before = documents(warehouse)
    plan = json.loads(look("transform", "--dry-run", "--format", "json").stdout)
    assert (plan["verb"], plan["gold_version"], plan["rows"], plan["held"]) == ("transform", 2, 0, False)
    assert plan["steps"] == ["nothing is built: bronze has nothing new"]
    assert documents(warehouse) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("token", "issue", "--merchant", "shop-1", "--scope", "ops", "--ttl", "1d"), "a token of shop-1"),
        (("token", "revoke", "--merchant", "shop-1"), "all tokens of shop-1 issued until now are revoked"),
        (("token", "revoke", "--jti", "abc"), "the token abc is revoked"),
        (("sandbox", "--drop", "--user", "ana"), "the schema sandbox_ana is removed"),
        (("down",), "nothing is running"),
        (("up", "--only", "edge,kafka"), "these are started: edge, kafka"),
        (("demo", "--merchants", "7"), "events of 7 simulated merchants"),
    ],
)
def test_what_needs_no_warehouse_is_shown_too(home: Path, arguments: tuple[str, ...], expected: str) -> None:
    done = look(*arguments, "--dry-run")
    assert done.exit_code == 0, done.output
    assert expected in done.stdout
    assert of_home(home) == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "issue", "--merchant", "..", "--scope", "ops"),
        ("token", "issue", "--merchant", "shop-1", "--scope", "ops", "--ttl", "soon"),
        ("token", "revoke"),
        ("sandbox", "--user", "transform", "--drop"),
        ("up", "--only", "spark"),
    ],
)
def test_what_needs_no_warehouse_is_refused_too(home: Path, arguments: tuple[str, ...]) -> None:
    done = look(*arguments, "--dry-run")
    assert isinstance(done.exception, RefusedError)
    assert of_home(home) == {}


def test_a_port_that_is_taken_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("LAKEHOUSE_PORT_BASE", str(min(taken.getsockname()[1], 65_000)))
        done = look("up", "--dry-run")
    assert isinstance(done.exception, RefusedError)
    assert of_home(tmp_path) == {}


def test_what_was_revoked_before_is_said(home: Path) -> None:
    assert look("token", "revoke", "--jti", "abc").exit_code == 0
    before = of_home(home)
    plan = json.loads(look("token", "revoke", "--jti", "abc", "--dry-run", "--format", "json").stdout)
    assert (plan["jti"], plan["was_revoked"]) == ("abc", True)
    assert of_home(home) == before


@pytest.mark.parametrize(
    ("content", "code", "counts"),
    [
        ('{"id":"1","merchant":"a"}\n{"id":"2","merchant":"b"}\n', 0, (2, 2, 0)),
        ('{"id":"1","merchant":"a"}\nno JSON\n', 1, (1, 1, 1)),
    ],
)
def test_a_replay_counts_what_it_would_send(home: Path, content: str, code: int, counts: tuple[int, int, int]) -> None:
    file = home / "events.ndjson"
    file.write_text(content)
    done = look("replay", str(file), "--dry-run", "--format", "json", "--rejects", str(home / "rejected"))
    plan = json.loads(done.stdout)
    assert (plan["events"], plan["merchants"], plan["rejected"]) == counts
    assert done.exit_code == code
    assert set(of_home(home)) == {file}
