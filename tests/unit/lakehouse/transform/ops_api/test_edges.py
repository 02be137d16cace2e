"""Edges over HTTP: listed, and given up by an operation."""

from typing import Any

import pytest

from lakehouse.errors import NotReadyError
from lakehouse.ledger.model import Evidence
from lakehouse.ledger.retire import Retire
from lakehouse.ledger.retirement import read_retirements
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.operations import End, Operation
from tests.support.edge_stack import DEAD, LIVE, EdgeStack
from tests.support.logged_warehouse import LAYOUT
from tests.support.ops_client import OpsApi, problem
from tests.support.promoted_warehouse import PromotedWarehouse

WANTED: dict[str, Any] = {"incarnation": DEAD, "reason": "disk of host 7 is gone", "lost": True}


def test_edges_are_listed(ops_api: OpsApi) -> None:
    assert ops_api.get("edges").json() == {"edges": []}
    EdgeStack(ops_api.files._folder, LAYOUT)
    live, dead = ops_api.get("edges").json()["edges"]
    assert (live["incarnation"], live["state"]) == (LIVE, "live")
    assert (dead["incarnation"], dead["state"], dead["undelivered"]) == (DEAD, "silent", 4)
    assert len(ops_api.get("edges?all=1").json()["edges"]) == 2


@pytest.mark.parametrize("query", ["all=2", "all=yes", "al=1", "all=1&all=1"])
def test_bad_parameters_of_the_list(ops_api: OpsApi, query: str) -> None:
    assert problem(ops_api.get(f"edges?{query}")) == (400, "bad-parameter")


@pytest.mark.parametrize(
    "changes", [{"lost": False}, {"lost": None}, {"reason": None}, {"reason": ""}, {"incarnation": ""}, {"los": True}]
)
def test_a_bad_request_is_refused_and_leaves_nothing(ops_api: OpsApi, changes: dict[str, Any]) -> None:
    body = {name: value for name, value in (WANTED | changes).items() if value is not None}
    assert problem(ops_api.post("edges/retire", body)) == (400, "bad-parameter")
    assert ops_api.operations.newest(10) == []


def test_it_is_an_operation_also_where_it_only_shows(ops_api: OpsApi) -> None:
    """Reading all stages takes its time. The same key is the same operation; its result has what was booked."""
    wanted = WANTED | {"dry_run": True}
    answers = [ops_api.post("edges/retire", wanted, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    first, second = (answer.json() for answer in answers)
    assert (first["verb"], first["request"], first["operation"]) == ("edge-retire", wanted, second["operation"])
    assert problem(ops_api.post("edges/retire", WANTED, **{"Idempotency-Key": "k"})) == (409, "conflict")
    ops_api.operations.finish(first["operation"], End.DONE, retirement={"lost": 3})
    assert ops_api.get(f"operations/{first['operation']}").json()["retirement"] == {"lost": 3}


@pytest.fixture
def stack(warehouse: PromotedWarehouse, monkeypatch: pytest.MonkeyPatch) -> EdgeStack:
    made = EdgeStack(warehouse.files._folder, warehouse.layout)
    monkeypatch.setattr(Retire, "of", made.verb)
    return made


def retire(warehouse: PromotedWarehouse, **changes: Any) -> Operation:
    return warehouse.give(requests.EdgeRetire(**(WANTED | changes)))


def test_a_worker_shows_and_then_books_what_is_missing(warehouse: PromotedWarehouse, stack: EdgeStack) -> None:
    shown = warehouse.carry(retire(warehouse, dry_run=True))
    assert shown.retirement is not None
    assert (shown.end, shown.retirement["lost"], shown.retirement["raw_gaps"]) == (End.DONE, 3, 2)
    assert shown.retirement["hours"]
    assert read_retirements(stack.files, stack.layout) == []
    operation = retire(warehouse, incarnation=f"edge-2/{DEAD}")
    done = warehouse.carry(operation)
    [found] = read_retirements(stack.files, stack.layout)
    assert (found.actor, found.reason, found.operation) == ("olga", WANTED["reason"], operation.id)
    assert (done.end, done.retirement) == (End.DONE, found.document())
    assert (found.document()["lost"], found.document()["raw_gaps"]) == (3, 2)


def test_one_whose_result_was_lost_is_not_booked_twice(warehouse: PromotedWarehouse, stack: EdgeStack) -> None:
    operation = retire(warehouse)
    first = warehouse.carry(operation)
    warehouse.files.delete(warehouse.layout.operation_result(operation.id))
    again = warehouse.carry(operation)
    assert (again.end, again.retirement) == (End.DONE, first.retirement)
    assert len(read_retirements(stack.files, stack.layout)) == 1


def test_what_the_verb_refuses_is_refused(warehouse: PromotedWarehouse, stack: EdgeStack) -> None:
    alive = warehouse.carry(retire(warehouse, incarnation=LIVE))
    assert (alive.end, "alive" in str(alive.message)) == (End.REFUSED, True)
    warehouse.carry(retire(warehouse))
    again = warehouse.carry(retire(warehouse))
    assert (again.end, "nothing more" in str(again.message)) == (End.REFUSED, True)


def test_a_stage_that_is_away_is_waited_for(warehouse: PromotedWarehouse, stack: EdgeStack) -> None:
    read, times = stack.read, iter([NotReadyError("Kafka does not answer")])

    def away_once() -> Evidence:
        for error in times:
            raise error
        return read()

    stack.read = away_once  # type: ignore[method-assign]
    assert warehouse.carry(retire(warehouse), attempts=2).end is End.DONE
