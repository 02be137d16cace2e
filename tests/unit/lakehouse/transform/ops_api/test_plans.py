"""A dry run over HTTP answers what would be done, refuses what would be refused, and changes nothing."""

from pathlib import Path
from typing import Any

import pytest

from lakehouse import table_files
from lakehouse.clients import delta_log
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.errors import RefusedError
from lakehouse.ledger.coverage import LedgerWatermark
from lakehouse.ledger.judge import Verdict
from lakehouse.ledger.model import Doubt, Unproved
from lakehouse.releases.model import Drop, new_nonce
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.publishing.gates import Prospect, caught_up, ledger_is_balanced
from lakehouse.transform.publishing.promote import Promote
from tests.support.logged_warehouse import FINGERPRINT
from tests.support.ops_client import OpsApi, problem


def open_gate(prospect: Prospect, accept: bool) -> str:
    return "the gate is open"


def closed_gate(prospect: Prospect, accept: bool) -> str:
    raise RefusedError("the gate is closed")


def gates(monkeypatch: pytest.MonkeyPatch, *gate: Any) -> None:
    monkeypatch.setattr(Promote, "of", lambda builder, **_: Promote(builder, gate, (caught_up,)))


def documents(ops_api: OpsApi) -> dict[Path, bytes]:
    folder = ops_api.files._folder
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables whose files nobody reads here; Trino is asked for nothing."""
    monkeypatch.setattr(table_files, "missing", lambda *_: [])
    monkeypatch.setattr(delta_log, "head_version", lambda *_: 1)
    monkeypatch.delattr(Builder, "consume")


@pytest.mark.parametrize(
    ("verb", "body", "expected"),
    [
        ("promote", {"gold_version": 2}, {"gold_version": 2, "snapshot": 1, "parent": 1, "is_caught_up": True}),
        ("drop", {"gold_version": 2, "reason": "wrong"}, {"gold_version": 2, "bytes": 0, "reason": "wrong"}),
        ("rollback", {"to": 1, "exact": True}, {"gold_version": 1, "snapshot": 1, "held": True, "seconds_behind": 0}),
        ("reprocess", {"since": "2026-03-01"}, {"gold_version": 3, "is_new": True, "since": "2026-03-01"}),
        ("reprocess", {"from": "raw"}, {"from": "raw", "bronze": {"generation": 2, "delta_version": -1}}),
        ("reprocess", {}, {"gold_version": 2, "is_new": False, "definition": FINGERPRINT, "from": "bronze"}),
    ],
)
def test_a_dry_run_answers_the_plan_and_changes_nothing(
    ops_api: OpsApi, monkeypatch: pytest.MonkeyPatch, verb: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    gates(monkeypatch, open_gate)
    before = documents(ops_api)
    answer = ops_api.post(verb, body | {"dry_run": True})
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert (plan["verb"], plan["dry_run"], plan["actor"]) == (verb, True, "olga")
    assert {name: plan[name] for name in expected} == expected
    assert plan["steps"]
    assert documents(ops_api) == before
    assert (ops_api.operations.newest(10), ops_api.woken) == ([], [])


@pytest.mark.parametrize(
    ("verb", "body", "why"),
    [
        ("promote", {"gold_version": 1}, "readers see already"),
        ("promote", {"gold_version": 9}, "there is no gold version 9"),
        ("promote", {"gold_version": 2}, "the gate is closed"),
        ("drop", {"gold_version": 1}, "what readers see"),
        ("rollback", {}, "nothing has been promoted yet"),
        ("rollback", {"to": 9}, "release 9 does not exist"),
        ("rollback", {"to": 1}, "readers see gold version 1 already"),
        ("reprocess", {"definition": "a" * 64}, "no frozen definition"),
        ("reprocess", {"since": "2200-01-01"}, "lies in the future"),
    ],
)
def test_what_would_be_refused_is_refused(
    ops_api: OpsApi, monkeypatch: pytest.MonkeyPatch, verb: str, body: dict[str, Any], why: str
) -> None:
    gates(monkeypatch, closed_gate)
    before = documents(ops_api)
    answer = ops_api.post(verb, body | {"dry_run": True})
    assert problem(answer) == (409, "conflict")
    assert why in answer.json()["detail"]
    assert documents(ops_api) == before
    assert (ops_api.operations.newest(10), ops_api.woken) == ([], [])


def test_a_candidate_that_is_behind_is_brought_up_to_date_first(
    ops_api: OpsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates(monkeypatch, open_gate)
    ops_api.warehouse.cycle(ops_api.warehouse.versions.get(GoldVersionNumber(1)))
    plan = ops_api.post("promote", {"gold_version": 2, "dry_run": True}).json()
    assert (plan["is_caught_up"], plan["parent"]) == (False, 2)
    assert plan["steps"][:2] == ["the gate is open", "gold version 2 is brought up to date with release 2 first"]


def test_what_has_been_dropped_is_not_dropped_again(ops_api: OpsApi) -> None:
    ops_api.warehouse.versions.add_drop(Drop(GoldVersionNumber(2), "olga", None, 1, new_nonce()))
    assert problem(ops_api.post("drop", {"gold_version": 2, "dry_run": True})) == (409, "conflict")


def test_an_edge_that_is_named_over_http_is_let_through(ops_api: OpsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    doubt = Unproved(490_000, "edge-2", "a" * 16, Doubt.SILENT, "its last ledger is old")
    gates(monkeypatch, ledger_is_balanced(lambda _: Verdict([], [], [], LedgerWatermark(None), [doubt])))
    body = {"gold_version": 2, "dry_run": True, "reason": "a fire"}
    refused = ops_api.post("promote", body | {"accept_unproved": ["edge-1"]})
    assert refused.status_code == 409
    assert f"--accept-unproved edge-2/{'a' * 16}" in refused.json()["detail"]
    planned = ops_api.post("promote", body | {"accept_unproved": ["edge-2"]})
    assert planned.status_code == 200, planned.text
    assert planned.json()["unproved"][0]["incarnation"] == "a" * 16
