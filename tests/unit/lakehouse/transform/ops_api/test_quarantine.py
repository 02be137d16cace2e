"""What was refused, over HTTP: listed, shown, and sent again by an operation."""

import base64
import json
from typing import Any

import pytest

from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.quarantine.reading import Quarantine
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.transform.ops_api import replay, requests
from lakehouse.transform.ops_api.operations import End
from tests.support.edge_server import accept, serve_edge
from tests.support.ops_client import OpsApi, problem
from tests.support.promoted_warehouse import PromotedWarehouse
from tests.support.quarantine_world import QuarantineWorld, kept, order, rejected, sent, uncounted

BODY = sent(order(1, "brl"))
NAME = kept(rejected(BODY)).refused.name
UPPER = ".data.currency |= ascii_upcase"


def test_the_list_and_an_entry(ops_api: OpsApi) -> None:
    ops_api.quarantine.bronze = [rejected(BODY)]
    found = ops_api.get("quarantine?reason=unknown_currency&since=2026-11-23&limit=5").json()
    assert (found["total"], [entry["entry"] for entry in found["entries"]]) == (1, [NAME])
    assert any("reason = 'unknown_currency'" in sql for sql in ops_api.quarantine.asked)
    entry = ops_api.get(f"quarantine/{NAME}").json()
    assert base64.b64decode(entry["body"]) == BODY
    assert entry["text"] == BODY.decode()


@pytest.mark.parametrize("slash", ["/", "%2F"])
def test_a_position_is_a_name_too(ops_api: OpsApi, slash: str) -> None:
    ops_api.quarantine.silver = [uncounted(3, {"a": 1})]
    entry = ops_api.get(f"quarantine/edge-1{slash}aa-0{slash}3")
    assert (entry.status_code, entry.json()["reason"]) == (200, "conflicting_duplicate")
    assert problem(ops_api.get(f"quarantine/edge-1{slash}aa-0{slash}4")) == (404, "not-found")


@pytest.mark.parametrize("query", ["station=kafka", "since=yesterday", "limit=0", "reason=a&reason=b", "reasn=a"])
def test_bad_parameters_of_the_list(ops_api: OpsApi, query: str) -> None:
    assert problem(ops_api.get(f"quarantine?{query}")) == (400, "bad-parameter")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"entries": [NAME], "where": {}},
        {"entries": []},
        {"entries": ["nonsense"]},
        {"where": {"reasn": "bad_time"}},
        {"where": {"since": "yesterday"}},
        {"where": {"station": "kafka"}},
        {"where": {}, "mend": "nonsense("},
        {"where": {}, "mend": '[{"op": "zap"}]'},
    ],
)
def test_a_bad_replay_is_refused_and_leaves_nothing(ops_api: OpsApi, body: Any) -> None:
    assert problem(ops_api.post("quarantine/replay", body)) == (400, "bad-parameter")
    assert ops_api.operations.newest(10) == []


def test_a_replay_is_an_operation_also_where_it_only_shows(ops_api: OpsApi) -> None:
    """A program may take its time: it never runs within the service."""
    wanted = {"where": {"reason": "unknown_currency"}, "mend": UPPER, "dry_run": True}
    answer = ops_api.post("quarantine/replay", wanted)
    assert (answer.status_code, answer.json()["verb"], answer.json()["request"]) == (202, "quarantine-replay", wanted)
    assert ops_api.quarantine.asked == []
    given = ops_api.operations.get(answer.json()["operation"])
    ops_api.operations.finish(given.id, End.DONE, replay={"events": 3})
    assert ops_api.get(f"operations/{given.id}").json()["replay"] == {"events": 3}
    document = ops_api.client.get("/openapi.json").json()["paths"]
    assert "dry_run" not in str(document["/v1/ops/quarantine/replay"]["post"]["responses"])
    assert "dry_run" in str(document["/v1/ops/promote"]["post"]["responses"])
    assert [one["name"] for one in document["/v1/ops/quarantine/{entry}"]["get"]["parameters"]] == ["entry"]


@pytest.fixture
def world(warehouse: PromotedWarehouse, monkeypatch: pytest.MonkeyPatch) -> QuarantineWorld:
    made = QuarantineWorld([rejected(BODY)])
    monkeypatch.setattr(replay, "Quarantine", lambda _, files, layout: Quarantine(made, files, layout))
    return made


def carried(warehouse: PromotedWarehouse, monkeypatch: pytest.MonkeyPatch, **request: Any) -> tuple[Any, list[str]]:
    """And the ids that the edge has taken."""
    with serve_edge(accept) as edge:
        at = warehouse.settings.at.model_copy(update={"edge": edge.url.removeprefix("http://")})
        monkeypatch.setattr(warehouse, "settings", warehouse.settings.model_copy(update={"at": at}))
        result = warehouse.carry(warehouse.give(requests.QuarantineReplay(**request), seen=ReleaseNumber(2)))
    return result, [identity for _, identity in edge.taken]


def test_a_worker_sends_what_its_preview_says(
    warehouse: PromotedWarehouse, world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(warehouse.settings, "shop-1", [Scope.OPS])
    shown, taken = carried(warehouse, monkeypatch, entries=[NAME], mend=UPPER, dry_run=True)
    assert (shown.end, shown.replay["events"], taken) == (End.DONE, 1, [])
    done, taken = carried(warehouse, monkeypatch, entries=[NAME], mend=UPPER)
    assert (done.end, done.replay["accepted"], taken) == (End.DONE, 1, ["e1"])
    assert done.replay["preview"] == shown.replay["preview"]
    assert json.loads(json.dumps(done.replay))["rejected"] == 0


def test_a_worker_without_the_signing_key_refuses_and_makes_none(
    warehouse: PromotedWarehouse, world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, taken = carried(warehouse, monkeypatch, entries=[NAME])
    assert (done.end, taken) == (End.REFUSED, [])
    assert "where tokens are issued" in done.message
    assert not warehouse.settings.keys_path.exists()


def test_an_entry_that_is_not_there_is_refused(
    warehouse: PromotedWarehouse, world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(warehouse.settings, "shop-1", [Scope.OPS])
    done, taken = carried(warehouse, monkeypatch, entries=[NAME, "edge-1/aa-0/9"])
    assert (done.end, taken) == (End.REFUSED, [])
