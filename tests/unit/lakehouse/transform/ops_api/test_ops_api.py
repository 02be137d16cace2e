"""The ops API over a local file system: who may enter, what is refused, and what an operation is."""

from typing import Any

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.releases.model import Drop, new_nonce
from lakehouse.tokens import Scope
from lakehouse.transform.backfill.progress import Phase, ProgressFile
from lakehouse.transform.ops_api import request, upload
from lakehouse.transform.ops_api.operations import End
from lakehouse.transform.ops_api.requests import Promote
from tests.support.logged_warehouse import FINGERPRINT, LAYOUT
from tests.support.ops_client import OpsApi, problem

PATHS = [
    *[("POST", name) for name in ("reprocess", "promote", "rollback", "drop", "definitions", "quarantine/replay")],
    *[("GET", name) for name in ("operations", "operations/x", "releases", "gold-versions", "gold-versions/9")],
    *[("GET", name) for name in ("gold-versions/9/diff", "quarantine", "quarantine/edge-1/aa-0/9")],
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_only_operators_enter(ops_api: OpsApi, method: str, path: str) -> None:
    """Also before anything else is checked: neither the missing resource nor the bad body shows."""
    url = f"/v1/ops/{path}?unknown=1"
    assert problem(ops_api.client.request(method, url, content=b"{")) == (401, "unauthorized")
    bad = {"Authorization": "Bearer nothing"}
    assert problem(ops_api.client.request(method, url, content=b"{", headers=bad)) == (401, "unauthorized")
    merchant = ops_api.bearer(Scope.EVENTS_WRITE, Scope.INSIGHTS_READ_ANY)
    assert problem(ops_api.client.request(method, url, content=b"{", headers=merchant)) == (403, "forbidden")
    assert ops_api.operations.newest(10) == []


@pytest.mark.parametrize(
    "path", ["operations/x", f"operations/{'0' * 32}", "gold-versions/9", "gold-versions/x/diff", "quarantine/x"]
)
def test_not_found_comes_before_a_bad_parameter(ops_api: OpsApi, path: str) -> None:
    assert problem(ops_api.get(f"{path}?unknown=1")) == (404, "not-found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("promote", {}),
        ("promote", {"gold_version": "2"}),
        ("promote", {"gold_version": 0}),
        ("promote", {"gold_version": 2, "acept": True}),
        ("promote", {"gold_version": 2, "accept": True}),
        ("promote", {"gold_version": 2, "accept_unproved": ["edge-2"]}),
        ("promote", {"gold_version": 2, "accept_unproved": "edge-2", "reason": "a fire"}),
        ("promote", {"gold_version": 2, "verb": "drop"}),
        ("reprocess", {"from": "kafka"}),
        ("reprocess", {"sinse": "2026-03-01"}),
        ("reprocess", {"since": "yesterday"}),
        ("reprocess", {"since": "2026-03-01T00:00:00"}),
        ("reprocess", {"since": "9999-12-31"}),
        ("reprocess", {"since": "2026-03-02", "until": "2026-03-01"}),
        ("reprocess", {"definition": "../../etc"}),
        ("reprocess", {"since": "2026-03-01", "reuse_unchanged": True}),
        ("rollback", {"to": -1}),
        ("rollback", {"exact": 1}),
        ("drop", {"gold_version": 2, "reason": "x" * 1001}),
        ("drop", {"gold_version": 2, "reason": "a\0b"}),
        ("drop", []),
    ],
)
def test_a_bad_wish_is_refused_and_leaves_nothing(ops_api: OpsApi, path: str, body: Any) -> None:
    assert problem(ops_api.post(path, body)) == (400, "bad-parameter")
    assert ops_api.operations.newest(10) == []
    assert ops_api.woken == []


def test_bodies_are_limited_and_must_be_json(ops_api: OpsApi) -> None:
    url = "/v1/ops/promote"
    too_much = b"{" + b" " * 20_000
    assert problem(ops_api.client.post(url, content=too_much, headers=ops_api.bearer())) == (413, "too-large")
    assert problem(ops_api.client.post(url, content=b"{", headers=ops_api.bearer())) == (400, "unreadable-body")
    assert problem(ops_api.client.post(url, content=b'{"a": "\xff"}', headers=ops_api.bearer())) == (
        400,
        "unreadable-body",
    )
    deep = b"[" * 7000 + b"]" * 7000
    assert problem(ops_api.client.post(url, content=deep, headers=ops_api.bearer())) == (400, "unreadable-body")
    half = b'{"gold_version": 2, "reason": "\\ud800"}'
    assert problem(ops_api.client.post(url, content=half, headers=ops_api.bearer())) == (400, "bad-parameter")
    twice = b'{"gold_version": 2, "gold_version": 99}'
    assert problem(ops_api.client.post(url, content=twice, headers=ops_api.bearer())) == (400, "bad-parameter")
    assert problem(ops_api.client.post(f"{url}?a=1", json={"gold_version": 2}, headers=ops_api.bearer())) == (
        400,
        "bad-parameter",
    )
    assert problem(ops_api.client.get(url, headers=ops_api.bearer())) == (405, "method-not-allowed")


@pytest.mark.parametrize(("method", "path"), [("POST", "promote"), ("POST", "definitions"), ("GET", "releases")])
def test_a_body_is_waited_for_and_taken_up_to_a_limit(
    ops_api: OpsApi, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """Also one that nobody asked for."""
    url, too_much = f"/v1/ops/{path}", bytes(upload.MOST_BYTES + 1)
    assert problem(ops_api.client.request(method, url, content=too_much, headers=ops_api.bearer())) == (
        413,
        "too-large",
    )
    monkeypatch.setattr(request, "TIMEOUT", 0.1)
    assert problem(ops_api.half(method, path)) == (408, "request-timeout")
    assert ops_api.operations.newest(10) == []


def test_an_order_is_durable_before_it_is_answered(ops_api: OpsApi) -> None:
    answer = ops_api.post("promote", {"gold_version": 2, "reason": "tax"})
    assert answer.status_code == 202
    document = answer.json()
    assert answer.headers["location"] == document["url"] == f"/v1/ops/operations/{document['operation']}"
    assert (document["verb"], document["state"], document["actor"], document["seen_release"]) == (
        "promote",
        "waiting",
        "olga",
        1,
    )
    assert document["request"] == {"gold_version": 2, "reason": "tax"}
    assert ops_api.woken == [1]
    kept = ops_api.operations.get(document["operation"])
    assert (kept.actor, kept.seen, kept.request) == ("olga", 1, Promote(GoldVersionNumber(2), reason="tax"))
    assert ops_api.get(f"operations/{kept.id}").json() == document
    assert ops_api.get("operations").json()["operations"] == [document]


def test_the_same_key_gets_the_same_order(ops_api: OpsApi) -> None:
    key = {"Idempotency-Key": "night-7"}
    first = ops_api.post("rollback", {}, **key).json()
    # Another release is current when the request is repeated.
    ops_api.warehouse.cycle(ops_api.warehouse.versions.get(GoldVersionNumber(1)))
    assert ops_api.post("rollback", {}, **key).json() == first
    assert problem(ops_api.post("rollback", {"to": 1}, **key)) == (409, "conflict")
    assert problem(ops_api.post("drop", {"gold_version": 2}, **key)) == (409, "conflict")
    other = ops_api.client.post("/v1/ops/rollback", json={}, headers=ops_api.bearer(actor="omar") | key).json()
    assert other["operation"] != first["operation"]
    assert ops_api.post("rollback", {}).json()["operation"] != first["operation"]
    assert len(ops_api.operations.newest(10)) == 3
    assert problem(ops_api.post("rollback", {}, **{"Idempotency-Key": "a b"})) == (400, "bad-parameter")


def test_a_reprocess_takes_the_definition_that_readers_see(ops_api: OpsApi) -> None:
    document = ops_api.post("reprocess", {"from": "bronze", "since": "2026-03-01"}).json()
    assert document["definition"] == FINGERPRINT
    assert document["request"] == {"since": "2026-03-01"}
    named = ops_api.post("reprocess", {"definition": "a" * 64}).json()
    assert named["definition"] == "a" * 64


def test_the_state_of_an_order(ops_api: OpsApi) -> None:
    operation = ops_api.post("reprocess", {}).json()["operation"]
    ops_api.operations.say(operation, "gold version 2 is built", GoldVersionNumber(2))
    progress = ProgressFile(ops_api.files, LAYOUT, GoldVersionNumber(2))
    progress.say(Phase.SLICES, rows=10, rows_total=100)
    progress.settle()
    running = ops_api.get(f"operations/{operation}").json()
    assert (running["state"], running["message"], running["gold_version"]) == ("running", "gold version 2 is built", 2)
    assert (running["progress"]["rows"], running["progress"]["rows_total"]) == (10, 100)
    assert running["progress"]["seconds_left"] is None
    ops_api.operations.finish(operation, End.DONE, gold_version=GoldVersionNumber(2))
    ops_api.operations.finish(operation, End.FAILED, message="too late")
    done = ops_api.get(f"operations/{operation}").json()
    assert (done["state"], done["message"], done["gold_version"]) == ("done", None, 2)
    assert done["finished_at"].endswith("Z")


def test_gold_versions_and_releases(ops_api: OpsApi) -> None:
    first, second = ops_api.get("gold-versions").json()["gold_versions"]
    assert (first["gold_version"], first["standing"], first["plan"]) == (1, "current", None)
    assert (second["standing"], second["plan"]["from"], second["snapshot"]["number"]) == ("candidate", "bronze", 1)
    assert ops_api.get("gold-versions/2").json() == second
    [release] = ops_api.get("releases?limit=5").json()["releases"]
    assert (release["release"], release["gold_version"], release["kind"]) == (1, 1, "cycle")
    assert problem(ops_api.get("releases?limit=0")) == (400, "bad-parameter")
    assert problem(ops_api.get("releases?limit=1&limit=1")) == (400, "bad-parameter")
    assert problem(ops_api.get("gold-versions/2?limit=1")) == (400, "bad-parameter")


def test_a_gold_version_says_who_has_dropped_it(ops_api: OpsApi) -> None:
    assert ops_api.get("gold-versions/2").json()["dropped"] is None
    ops_api.warehouse.versions.add_drop(
        Drop(GoldVersionNumber(2), "omar", "wrong again", 1_795_471_200_000_000, new_nonce(), "b" * 32)
    )
    dropped = ops_api.get("gold-versions/2").json()
    assert dropped["standing"] == "dropped"
    assert dropped["dropped"] == {
        "dropped_at": "2026-11-23T22:00:00Z",
        "actor": "omar",
        "reason": "wrong again",
        "operation": "b" * 32,
    }
    assert ops_api.get("gold-versions").json()["gold_versions"][1] == dropped


def test_the_difference_is_computed_once(ops_api: OpsApi) -> None:
    found = ops_api.get("gold-versions/2/diff")
    assert (found.status_code, found.headers["content-type"]) == (200, "application/json")
    assert found.json()["before"]["gold_version"] == 1
    page = ops_api.get("gold-versions/2/diff?against=1", Accept="text/html,*/*;q=0.1")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<html" in page.text
    assert ops_api.compared == [(1, 2)]
    ops_api.get("gold-versions/2/diff?top=7")
    assert len(ops_api.compared) == 2


def test_what_cannot_be_compared(ops_api: OpsApi) -> None:
    assert problem(ops_api.get("gold-versions/2/diff?against=9")) == (404, "not-found")
    assert problem(ops_api.get("gold-versions/2/diff?top=1001")) == (400, "bad-parameter")
    neither = ops_api.get("gold-versions/2/diff", Accept="image/png")
    assert problem(neither) == (406, "not-acceptable")
    assert ops_api.client.get("/problems/not-acceptable").json()["advice"] == "Accept one of the types in `detail`."
    assert {"application/json", "text/html"} <= set(neither.json()["detail"].split())
    ops_api.warehouse.versions.add_drop(Drop(GoldVersionNumber(2), "olga", None, 1, new_nonce()))
    assert problem(ops_api.get("gold-versions/2/diff")) == (409, "conflict")


def test_a_file_system_that_is_away_is_503(ops_api: OpsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> bytes:
        raise NotReadyError("HDFS did not serve it")

    monkeypatch.setattr(LocalFiles, "read", away)
    answer = ops_api.post("promote", {"gold_version": 2})
    assert problem(answer) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(("method", "path"), [("POST", "promote"), *(each for each in PATHS if each[0] == "GET")])
def test_what_is_damaged_is_500(ops_api: OpsApi, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    def damaged(*_: object) -> bytes:
        raise LakehouseError("a block is missing")

    monkeypatch.setattr(LocalFiles, "read", damaged)
    monkeypatch.setattr(LocalFiles, "list", damaged)
    answer = ops_api.client.request(method, f"/v1/ops/{path}", json={"gold_version": 2}, headers=ops_api.bearer())
    assert problem(answer) == (500, "internal-error")
    assert answer.json()["detail"] == "a block is missing"


def test_health_stays_where_it_was(ops_api: OpsApi) -> None:
    assert ops_api.client.get("/healthz").status_code == 200
    assert ops_api.client.get("/readyz").status_code == 503
    ops_api.health.beat("waiting")
    assert ops_api.client.get("/readyz").json()["state"] == "waiting"
    ops_api.health.fail("no")
    assert (ops_api.client.get("/healthz").status_code, ops_api.client.get("/readyz").status_code) == (503, 503)
    assert ops_api.client.get("/metrics").headers["content-type"].startswith("text/plain")
    assert problem(ops_api.client.get("/nothing")) == (404, "not-found")


def test_the_openapi_document_names_bodies_and_parameters(ops_api: OpsApi) -> None:
    document = ops_api.client.get("/openapi.json").json()
    promote = document["paths"]["/v1/ops/promote"]["post"]
    schema = promote["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(document["components"]["schemas"][schema]["properties"]) == {
        "gold_version",
        "accept",
        "accept_unproved",
        "reason",
        "dry_run",
    }
    assert "202" in promote["responses"]
    diff = document["paths"]["/v1/ops/gold-versions/{gold_version}/diff"]["get"]
    assert {each["name"] for each in diff["parameters"]} == {"gold_version", "against", "top"}
    assert set(document["paths"]["/problems/{slug}"]["get"]["responses"]) == {"200", "404", "default"}
    page = ops_api.client.get("/docs").text
    assert "//cdn" not in page
