"""The operator's door over a local file system: who may enter, what is refused, and what an order is."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.errors import LakehouseError, NotReadyError
from lakehouse.releases.model import Drop, new_nonce
from lakehouse.releases.versions import Versions
from lakehouse.tokens import Scope
from lakehouse.transform.backfill.progress import Phase, ProgressFile
from lakehouse.transform.ops_api import request, upload
from lakehouse.transform.ops_api.operations import End
from tests.unit.transform.door import FINGERPRINT, LAYOUT, Door, problem

PATHS = [
    *[("POST", name) for name in ("reprocess", "promote", "rollback", "drop", "definitions")],
    *[("GET", name) for name in ("orders", "orders/x", "releases", "gold-versions", "gold-versions/9")],
    ("GET", "gold-versions/9/diff"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_only_operators_enter(door: Door, method: str, path: str) -> None:
    """Also before anything else is checked: neither the missing resource nor the bad body shows."""
    url = f"/v1/ops/{path}?unknown=1"
    assert problem(door.client.request(method, url, content=b"{")) == (401, "unauthorized")
    bad = {"Authorization": "Bearer nothing"}
    assert problem(door.client.request(method, url, content=b"{", headers=bad)) == (401, "unauthorized")
    merchant = door.bearer(Scope.EVENTS_WRITE, Scope.INSIGHTS_READ_ANY)
    assert problem(door.client.request(method, url, content=b"{", headers=merchant)) == (403, "forbidden")
    assert door.orders.newest(10) == []


@pytest.mark.parametrize("path", ["orders/x", f"orders/{'0' * 32}", "gold-versions/9", "gold-versions/x/diff"])
def test_not_found_comes_before_a_bad_parameter(door: Door, path: str) -> None:
    assert problem(door.get(f"{path}?unknown=1")) == (404, "not-found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("promote", {}),
        ("promote", {"gold_version": "2"}),
        ("promote", {"gold_version": 0}),
        ("promote", {"gold_version": 2, "acept": True}),
        ("promote", {"gold_version": 2, "accept": True}),
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
def test_a_bad_wish_is_refused_and_leaves_nothing(door: Door, path: str, body: Any) -> None:
    assert problem(door.post(path, body)) == (400, "bad-parameter")
    assert door.orders.newest(10) == []
    assert door.woken == []


def test_bodies_are_limited_and_must_be_json(door: Door) -> None:
    url = "/v1/ops/promote"
    too_much = b"{" + b" " * 20_000
    assert problem(door.client.post(url, content=too_much, headers=door.bearer())) == (413, "too-large")
    assert problem(door.client.post(url, content=b"{", headers=door.bearer())) == (400, "unreadable-body")
    assert problem(door.client.post(url, content=b'{"a": "\xff"}', headers=door.bearer())) == (400, "unreadable-body")
    deep = b"[" * 7000 + b"]" * 7000
    assert problem(door.client.post(url, content=deep, headers=door.bearer())) == (400, "unreadable-body")
    half = b'{"gold_version": 2, "reason": "\\ud800"}'
    assert problem(door.client.post(url, content=half, headers=door.bearer())) == (400, "bad-parameter")
    twice = b'{"gold_version": 2, "gold_version": 99}'
    assert problem(door.client.post(url, content=twice, headers=door.bearer())) == (400, "bad-parameter")
    assert problem(door.client.post(f"{url}?a=1", json={"gold_version": 2}, headers=door.bearer())) == (
        400,
        "bad-parameter",
    )
    assert problem(door.client.get(url, headers=door.bearer())) == (405, "method-not-allowed")


@pytest.mark.parametrize(("method", "path"), [("POST", "promote"), ("POST", "definitions"), ("GET", "releases")])
def test_a_body_is_waited_for_and_taken_up_to_a_limit(
    door: Door, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """Also one that nobody asked for."""

    def slowly() -> Iterator[bytes]:
        yield b"{"
        time.sleep(0.3)
        yield b"}"

    url, too_much = f"/v1/ops/{path}", bytes(upload.MOST_BYTES + 1)
    assert problem(door.client.request(method, url, content=too_much, headers=door.bearer())) == (413, "too-large")
    monkeypatch.setattr(request, "PATIENCE", 0.1)
    late = door.client.request(method, url, content=slowly(), headers=door.bearer())
    assert problem(late) == (408, "request-timeout")
    assert door.orders.newest(10) == []


def test_an_order_is_durable_before_it_is_answered(door: Door) -> None:
    answer = door.post("promote", {"gold_version": 2, "reason": "tax"})
    assert answer.status_code == 202
    told = answer.json()
    assert answer.headers["location"] == told["url"] == f"/v1/ops/orders/{told['order']}"
    assert (told["verb"], told["state"], told["actor"], told["seen_release"]) == ("promote", "waiting", "olga", 1)
    assert told["wish"] == {"gold_version": 2, "reason": "tax"}
    assert door.woken == [1]
    kept = door.orders.get(told["order"])
    assert (kept.actor, kept.seen, kept.wish.reason) == ("olga", 1, "tax")
    assert door.get(f"orders/{kept.id}").json() == told
    assert door.get("orders").json()["orders"] == [told]


def test_the_same_key_gets_the_same_order(door: Door) -> None:
    key = {"Idempotency-Key": "night-7"}
    first = door.post("rollback", {}, **key).json()
    door.snapshot(1, None, 2)  # another release is current when the request is repeated
    assert door.post("rollback", {}, **key).json() == first
    assert problem(door.post("rollback", {"to": 1}, **key)) == (409, "conflict")
    assert problem(door.post("drop", {"gold_version": 2}, **key)) == (409, "conflict")
    other = door.client.post("/v1/ops/rollback", json={}, headers=door.bearer(actor="omar") | key).json()
    assert other["order"] != first["order"]
    assert door.post("rollback", {}).json()["order"] != first["order"]
    assert len(door.orders.newest(10)) == 3
    assert problem(door.post("rollback", {}, **{"Idempotency-Key": "a b"})) == (400, "bad-parameter")


def test_a_reprocess_takes_the_definition_that_readers_see(door: Door) -> None:
    told = door.post("reprocess", {"from": "bronze", "since": "2026-03-01"}).json()
    assert told["definition"] == FINGERPRINT
    assert told["wish"] == {"since": "2026-03-01"}
    named = door.post("reprocess", {"definition": "a" * 64}).json()
    assert named["definition"] == "a" * 64


def test_the_state_of_an_order(door: Door) -> None:
    order = door.post("reprocess", {}).json()["order"]
    door.orders.say(order, "gold version 2 is built", 2)
    progress = ProgressFile(door.files, LAYOUT, 2)
    progress.say(Phase.SLICES, rows=10, rows_total=100)
    progress.settle()
    running = door.get(f"orders/{order}").json()
    assert (running["state"], running["says"], running["gold_version"]) == ("running", "gold version 2 is built", 2)
    assert (running["progress"]["rows"], running["progress"]["rows_total"]) == (10, 100)
    assert running["progress"]["seconds_left"] is None
    door.orders.finish(order, End.DONE, gold_version=2)
    door.orders.finish(order, End.FAILED, says="too late")
    done = door.get(f"orders/{order}").json()
    assert (done["state"], done["says"], done["gold_version"]) == ("done", None, 2)
    assert done["finished_at"].endswith("Z")


def test_gold_versions_and_releases(door: Door) -> None:
    first, second = door.get("gold-versions").json()["gold_versions"]
    assert (first["gold_version"], first["standing"], first["plan"]) == (1, "current", None)
    assert (second["standing"], second["plan"]["from"], second["snapshot"]["number"]) == ("candidate", "bronze", 1)
    assert door.get("gold-versions/2").json() == second
    [release] = door.get("releases?limit=5").json()["releases"]
    assert (release["release"], release["gold_version"], release["reason"]) == (1, 1, "first")
    assert problem(door.get("releases?limit=0")) == (400, "bad-parameter")
    assert problem(door.get("releases?limit=1&limit=1")) == (400, "bad-parameter")
    assert problem(door.get("gold-versions/2?limit=1")) == (400, "bad-parameter")


def test_a_gold_version_says_who_has_dropped_it(door: Door) -> None:
    assert door.get("gold-versions/2").json()["dropped"] is None
    Versions(door.files, LAYOUT).add_drop(Drop(2, "omar", "wrong again", 1_795_471_200_000_000, new_nonce(), "b" * 32))
    dropped = door.get("gold-versions/2").json()
    assert dropped["standing"] == "dropped"
    assert dropped["dropped"] == {
        "dropped_at": "2026-11-23T22:00:00Z",
        "actor": "omar",
        "why": "wrong again",
        "order": "b" * 32,
    }
    assert door.get("gold-versions").json()["gold_versions"][1] == dropped


def test_the_difference_is_computed_once(door: Door) -> None:
    found = door.get("gold-versions/2/diff")
    assert (found.status_code, found.headers["content-type"]) == (200, "application/json")
    assert found.json()["before"]["gold_version"] == 1
    page = door.get("gold-versions/2/diff?against=1", Accept="text/html,*/*;q=0.1")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<html" in page.text
    assert door.compared == [(1, 2)]
    door.get("gold-versions/2/diff?top=7")
    assert len(door.compared) == 2


def test_what_cannot_be_compared(door: Door) -> None:
    assert problem(door.get("gold-versions/2/diff?against=9")) == (404, "not-found")
    assert problem(door.get("gold-versions/2/diff?top=1001")) == (400, "bad-parameter")
    neither = door.get("gold-versions/2/diff", Accept="image/png")
    assert problem(neither) == (406, "not-acceptable")
    assert door.client.get("/problems/not-acceptable").json()["advice"] == "Accept one of the types in `detail`."
    assert {"application/json", "text/html"} <= set(neither.json()["detail"].split())
    Versions(door.files, LAYOUT).add_drop(Drop(2, "olga", None, 1, new_nonce()))
    assert problem(door.get("gold-versions/2/diff")) == (409, "conflict")


def test_a_file_system_that_is_away_is_503(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> bytes:
        raise NotReadyError("HDFS did not serve it")

    monkeypatch.setattr(LocalFiles, "read", away)
    answer = door.post("promote", {"gold_version": 2})
    assert problem(answer) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(("method", "path"), [("POST", "promote"), *(each for each in PATHS if each[0] == "GET")])
def test_what_is_damaged_is_500(door: Door, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    def damaged(*_: object) -> bytes:
        raise LakehouseError("a block is missing")

    monkeypatch.setattr(LocalFiles, "read", damaged)
    monkeypatch.setattr(LocalFiles, "list", damaged)
    answer = door.client.request(method, f"/v1/ops/{path}", json={"gold_version": 2}, headers=door.bearer())
    assert problem(answer) == (500, "internal-error")
    assert answer.json()["detail"] == "a block is missing"


def test_health_stays_where_it_was(door: Door) -> None:
    assert door.client.get("/healthz").status_code == 200
    assert door.client.get("/readyz").status_code == 503
    door.health.beat("waiting")
    assert door.client.get("/readyz").json()["state"] == "waiting"
    door.health.fail("no")
    assert (door.client.get("/healthz").status_code, door.client.get("/readyz").status_code) == (503, 503)
    assert door.client.get("/metrics").headers["content-type"].startswith("text/plain")
    assert problem(door.client.get("/nothing")) == (404, "not-found")


def test_the_openapi_document_names_bodies_and_parameters(door: Door) -> None:
    document = door.client.get("/openapi.json").json()
    promote = document["paths"]["/v1/ops/promote"]["post"]
    schema = promote["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(document["components"]["schemas"][schema]["properties"]) == {"gold_version", "accept", "reason"}
    assert "202" in promote["responses"]
    diff = document["paths"]["/v1/ops/gold-versions/{gold_version}/diff"]["get"]
    assert {each["name"] for each in diff["parameters"]} == {"gold_version", "against", "top"}
    assert set(document["paths"]["/problems/{slug}"]["get"]["responses"]) == {"200", "404", "default"}
    page = door.client.get("/docs").text
    assert "//cdn" not in page
