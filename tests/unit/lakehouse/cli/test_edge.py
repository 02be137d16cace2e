"""``edge list`` and ``edge retire``: what they print, what they refuse, and what ``status`` and ``reconcile`` say."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from lakehouse import instants, stack_health
from lakehouse.cli import edge, status
from lakehouse.contracts.layout import Layout
from lakehouse.errors import LakehouseError, RefusedError
from lakehouse.ledger.model import Evidence, Run, Unread
from lakehouse.ledger.read_watermarks import is_among
from lakehouse.ledger.report import retired_text
from lakehouse.ledger.retire import Retire
from lakehouse.ledger.retirement import read_retirements
from tests.support.edge_stack import DEAD, HOUR, LIVE, EdgeStack

LAYOUT = Layout("/w")


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EdgeStack:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKEHOUSE_WAREHOUSE", LAYOUT.root)
    made = EdgeStack(tmp_path / "hdfs", LAYOUT)
    for module in (edge, status):
        monkeypatch.setattr(module, "HdfsFiles", lambda _: made.files)
    monkeypatch.setattr(Retire, "of", made.verb)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(edge.app, list(arguments))


def retire(incarnation: str, *more: str) -> Result:
    return run("retire", incarnation, "--reason", "the disk is gone", "--actor", "olga", *more)


def test_edges_are_listed(stack: EdgeStack) -> None:
    done = run("list", "--format", "json")
    assert done.exit_code == 0
    live, dead = json.loads(done.stdout)["edges"]
    assert (live["edge"], live["incarnation"], live["state"], live["watermark"]) == ("edge-1", LIVE, "live", None)
    assert (dead["state"], dead["accepted"], dead["undelivered"], dead["unshipped"]) == ("silent", 7, 4, 5)
    assert dead["watermark"] == "1970-01-01T00:00:00.000001Z"
    header, *lines = run("list").stdout.splitlines()
    assert header.split()[:4] == ["edge", "incarnation", "state", "watermark"]
    assert [line.split()[2] for line in lines] == ["live", "silent"]


def test_no_edge_is_no_error(stack: EdgeStack) -> None:
    stack.files.delete(LAYOUT.edges)
    assert json.loads(run("list", "--format", "json").stdout) == {"edges": []}
    assert run("list").exit_code == 0


def test_what_would_be_booked_is_shown_and_nothing_is_written(stack: EdgeStack) -> None:
    before = stack.documents()
    done = retire(DEAD, "--lost", "--dry-run", "--format", "json")
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    assert (plan["edge"], plan["accepted"], plan["lost"], plan["raw_gaps"]) == ("edge-2", 7, 3, 2)
    assert plan["hours"] == [{"hour": "2025-11-24T16:00:00Z", "lost": 3, "raw_gaps": 2, "only_raw": 0}]
    assert "accepted in 2025-11-24T16:00:00Z: 3 lost, 2 raw gaps" in retire(DEAD, "--lost", "--dry-run").stdout
    assert stack.documents() == before


def test_what_is_missing_is_booked_once(stack: EdgeStack) -> None:
    done = retire(f"edge-2/{DEAD}", "--lost", "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["retired"] is True
    [found] = read_retirements(stack.files, LAYOUT)
    assert (found.actor, found.reason, found.accepted) == ("olga", "the disk is gone", 7)
    assert [one.span for one in found.lost] == [(4, 7)]
    assert [one.span for one in found.raw_gaps] == [(2, 4)]
    assert abs(instants.from_micros(found.retired_at) - instants.now()) < timedelta(minutes=1)
    assert json.loads(run("list", "--format", "json").stdout)["edges"][1]["state"] == "retired"
    [line] = retired_text([found])
    assert line.startswith(f"retired: edge-2/{DEAD} at ")
    assert line.endswith("by olga (the disk is gone): 3 events booked as lost, 2 as raw gaps")
    again = retire(DEAD, "--lost")
    assert isinstance(again.exception, RefusedError)
    assert "nothing more of it is missing" in str(again.exception)


def test_one_that_died_before_its_first_ledger_is_known_by_what_it_sent(stack: EdgeStack) -> None:
    stack.files.delete(LAYOUT.edge_ledger("edge-2", DEAD))
    stack.evidence = replace(stack.evidence, ledgers=stack.evidence.ledgers[1:])
    assert json.loads(retire(DEAD, "--lost", "--format", "json").stdout)["accepted"] == 4


def test_one_whose_ledger_cannot_be_read_is_retired_by_what_is_known_and_says_so(stack: EdgeStack) -> None:
    path = LAYOUT.edge_ledger("edge-2", DEAD)
    torn = Unread(path, "edge-2", DEAD, is_ledger=True, message="torn")
    stack.evidence = replace(stack.evidence, ledgers=stack.evidence.ledgers[1:], unread=(torn,))
    document = json.loads(retire(DEAD, "--lost", "--dry-run", "--format", "json").stdout)
    assert (document["accepted"], document["problem"]) == (4, f"{path} cannot be read: torn")
    assert retire(DEAD, "--lost").exit_code == 0
    assert read_retirements(stack.files, LAYOUT)[0].accepted == 4
    nothing = Unread("/w/edges/edge-3/x.json", "edge-3", "x", is_ledger=True, message="torn")
    stack.evidence = replace(stack.evidence, unread=(torn, nothing))
    assert retire("x", "--lost").exit_code == 0, "of this one there is nothing else"


@pytest.mark.parametrize(
    "unread",
    [Unread("/w/torn", edge="edge-2"), Unread("/w/torn", incarnation=DEAD), Unread("/w/torn", hours=(HOUR, HOUR))],
    ids=["edge", "manifest", "day"],
)
def test_nothing_is_booked_while_a_document_that_may_hold_it_cannot_be_read(stack: EdgeStack, unread: Unread) -> None:
    stack.evidence = replace(stack.evidence, unread=(unread,))
    refuses(stack, retire(DEAD, "--lost"), "/w/torn cannot be read", "Mend that first")


def test_one_that_came_back_and_left_nothing_missing_is_retired_again(stack: EdgeStack) -> None:
    """It is waited for since: what was seen lies beyond what was given up."""
    assert retire(DEAD, "--lost").exit_code == 0
    more = Run("edge-2", f"{DEAD}-1", 7, 7, HOUR)
    stack.evidence = replace(
        stack.evidence, stages={stage: (*runs, more) for stage, runs in stack.evidence.stages.items()}
    )
    assert retire(DEAD, "--lost").exit_code == 0
    assert [one.accepted for one in read_retirements(stack.files, LAYOUT)] == [7, 8]
    assert isinstance(retire(DEAD, "--lost").exception, RefusedError)


def refuses(stack: EdgeStack, done: Result, *words: str) -> None:
    assert isinstance(done.exception, RefusedError), done.output
    assert done.exception.exit_code == 1
    assert all(word in str(done.exception) for word in words), str(done.exception)
    assert read_retirements(stack.files, LAYOUT) == []


def test_it_is_refused_without_the_word_that_the_disk_is_gone(stack: EdgeStack) -> None:
    refuses(stack, retire(DEAD), "--lost", "start it again")


@pytest.mark.parametrize("dry_run", [("--dry-run",), ()])
def test_one_that_is_alive_is_refused(stack: EdgeStack, dry_run: tuple[str, ...]) -> None:
    refuses(stack, retire(LIVE, "--lost", *dry_run), "alive", "ledger")
    stack.speaking.add(DEAD)
    refuses(stack, retire(DEAD, "--lost", *dry_run), "alive", "watermarks")


def test_one_that_comes_back_while_the_stages_are_read_is_refused(stack: EdgeStack) -> None:
    [dead, _] = stack.evidence.ledgers
    read = stack.read

    def slow() -> Evidence:
        stack.write(dead, timedelta(0))
        return read()

    stack.read = slow  # type: ignore[method-assign]
    refuses(stack, retire(DEAD, "--lost"), "alive")


def test_one_that_nobody_knows_or_that_has_closed_is_refused(stack: EdgeStack) -> None:
    refuses(stack, retire("0" * 16, "--lost"), "edge list")
    [dead, live] = stack.evidence.ledgers
    closed = msgspec.structs.replace(dead, closed=True, ended=True, delivered=7)
    stack.evidence = replace(stack.evidence, ledgers=(closed, live))
    refuses(stack, retire(DEAD, "--lost"), "closed")


@pytest.mark.parametrize("is_moved", [True, False])
def test_one_that_has_just_closed_is_called_closed_like_the_list_calls_it(stack: EdgeStack, is_moved: bool) -> None:
    [_, live] = stack.evidence.ledgers
    closed = msgspec.structs.replace(live, closed=True, ended=True)
    stack.write(closed, timedelta(0))
    if is_moved:
        stack.files.write(LAYOUT.closed_ledger("edge-1", LIVE), msgspec.json.encode(closed))
        stack.files.delete(LAYOUT.edge_ledger("edge-1", LIVE))
    stack.speaking.add(LIVE)
    assert f"{LIVE}  closed" in run("list", "--all").stdout
    refuses(stack, retire(LIVE, "--lost", "--dry-run"), "has closed")


def test_a_stage_that_cannot_be_read_is_broken_and_nothing_is_booked(stack: EdgeStack) -> None:
    def fail() -> Evidence:
        raise LakehouseError("Kafka does not answer")

    stack.read = fail  # type: ignore[method-assign]
    done = retire(DEAD, "--lost")
    assert isinstance(done.exception, LakehouseError)
    assert done.exception.exit_code == 2
    assert read_retirements(stack.files, LAYOUT) == []


@pytest.fixture
def show_status(stack: EdgeStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The verb, where no service answers but HDFS."""
    monkeypatch.setattr(stack_health, "ask_hdfs", lambda settings: None)
    monkeypatch.setattr(stack_health, "probes", lambda settings: {})
    return lambda *arguments: CliRunner().invoke(status.app, list(arguments)).stdout


def test_status_names_a_silent_edge_and_what_to_do(stack: EdgeStack, show_status: Callable[..., str]) -> None:
    [silent] = json.loads(show_status("--format", "json"))["edges"]["silent"]
    assert (silent["edge"], silent["incarnation"], silent["state"]) == ("edge-2", DEAD, "silent")
    text = show_status()
    assert f"edge-2/{DEAD} for 0:31:" in text
    assert f"lakehouse edge retire {DEAD} --lost" in text
    assert LIVE not in text
    retire(DEAD, "--lost")
    assert json.loads(show_status("--format", "json"))["edges"] == {"silent": []}
    assert "silent" not in show_status()


def test_status_counts_what_is_in_no_raw_file(stack: EdgeStack, show_status: Callable[..., str]) -> None:
    assert json.loads(show_status("--format", "json"))["raw_gaps"] == 0
    assert "raw gaps" not in show_status()
    retire(DEAD, "--lost")
    assert json.loads(show_status("--format", "json"))["raw_gaps"] == 2
    assert "2 events are in no raw file" in show_status()


def test_status_says_that_it_does_not_know_where_hdfs_is_away(
    show_status: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(settings: Any) -> None:
        raise stack_health.Unhealthy("the NameNode is starting")

    monkeypatch.setattr(stack_health, "ask_hdfs", refuse)
    report = json.loads(show_status("--format", "json"))
    assert report["edges"] == {"silent": None}
    assert report["raw_gaps"] is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'{"kind":"low_mark","edge":"edge-2","incarnation":"%s","partition":0,"mark":5}' % DEAD.encode(), True),
        (b'{"kind":"low_mark","edge":"edge-2","incarnation":"%s","partition":0,"mark":5}' % LIVE.encode(), False),
        (b'{"kind":"low_mark", torn', False),
        (b'{"kind":"batch","segment":"%s-0"}' % DEAD.encode(), False),
        (b"\x28\xb5\x2f\xfd", False),
    ],
)
def test_only_its_own_watermarks_show_that_it_is_alive(value: bytes, expected: bool) -> None:
    assert is_among([value], DEAD) is expected
