"""Every status that ``/v1/events`` answers, one row each: what is sent, and what a client can tell from the answer.

All errors are problems of RFC 9457, whose types are published, and OpenAPI names each status.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from ingestion.content_headers import BATCH_TYPE, EVENT_TYPE
from lakehouse.clients.files import LocalFiles
from lakehouse.http.problems import Kind
from lakehouse.tokens import Scope
from tests.support.half_request import answer_to_half
from tests.support.running_edge import RunningEdge, event, problem, serve, settings_of, view
from tests.support.valid_events import encode, order

EVENT = encode(event())
GOOD = encode([event(1), event(2)])
BAD = encode([event(1, type="x.y")])
LARGE = encode(event(data=order(note="x" * (64 << 10))["data"]))
TORN_GZIP = gzip.compress(GOOD)[:-4]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEdge]:
    """Two batches a merchant are over its quota."""
    home = tmp_path_factory.mktemp("edge")
    yield from serve(settings_of(home, quota_events_per_second=50), LocalFiles(home / "hdfs"))


@dataclass
class Case:
    """``answer`` are headers that the answer has; of None only that they are there."""

    name: str
    status: int
    slug: str = ""
    body: Any = GOOD
    headers: dict[str, str] = field(default_factory=dict)
    scope: Scope | None = Scope.EVENTS_WRITE
    query: dict[str, str] | None = None
    method: str = "POST"
    path: str = "/v1/events"
    answer: dict[str, str | None] = field(default_factory=dict)


BEARER: dict[str, str | None] = {"www-authenticate": None}
TYPES: dict[str, str | None] = {"accept": f"{BATCH_TYPE}, {EVENT_TYPE}, application/json, text/plain"}
TEXT = {"Content-Type": "text/plain"}
ALONE = {"Content-Type": EVENT_TYPE}

CASES = [
    Case("a batch", 202),
    Case("one event", 202, body=EVENT, headers=ALONE),
    Case("no event", 202, body=b"[]"),
    Case("good ones beside bad ones", 202, body=encode([event(1), event(2, type="x.y")])),
    Case("what is not JSON", 400, "unreadable-body", b"oops"),
    Case("no body", 400, "unreadable-body", b""),
    Case("an array that is not whole", 400, "unreadable-body", GOOD[:-1]),
    Case("an event where an array is due", 400, "unreadable-body", EVENT),
    Case("an array where an event is due", 400, "unreadable-body", GOOD, ALONE),
    Case("gzip that is not whole", 400, "unreadable-body", TORN_GZIP, {"Content-Encoding": "gzip"}),
    Case("nothing but bad events", 400, "all-rejected", BAD),
    Case("no token", 401, "unauthorized", scope=None, answer=BEARER),
    Case("no valid token", 401, "unauthorized", headers={"Authorization": "Bearer x.y.z"}, scope=None, answer=BEARER),
    Case("a token in the URL of no beacon", 401, "unauthorized", scope=None, query={"token": "x"}, answer=BEARER),
    Case("a token for reading", 403, "forbidden", scope=Scope.INSIGHTS_READ),
    Case("a browser's token with a shop's event", 403, "forbidden", GOOD, scope=Scope.EVENTS_WRITE_BROWSER),
    Case("another path", 404, "not-found", path="/v1/event"),
    Case("another method", 405, "method-not-allowed", method="PUT", answer={"allow": "POST, OPTIONS"}),
    Case("a body of more than 1 MiB", 413, "too-large", b" " * ((1 << 20) + 1)),
    Case("what becomes more than 1 MiB", 413, "too-large", gzip.compress(bytes(2 << 20)), {"Content-Encoding": "gzip"}),
    Case("more than 1,000 events", 413, "too-large", encode([event(n) for n in range(1001)])),
    Case("an event of more than 64 KiB", 413, "too-large", LARGE, ALONE),
    Case("another type", 415, "unsupported-media-type", headers={"Content-Type": "text/csv"}, answer=TYPES),
    Case("no type", 415, "unsupported-media-type", headers={"Content-Type": ""}, answer=TYPES),
    Case("another charset", 415, "unsupported-media-type", headers={"Content-Type": f"{BATCH_TYPE}; charset=latin-1"}),
    Case(
        "another coding",
        415,
        "unsupported-media-type",
        headers={"Content-Encoding": "br"},
        answer={"accept-encoding": "gzip, zstd"},
    ),
    Case("headers of more than 80 KiB", 431, "head-too-large", headers={"X-Long": "x" * 100_000}),
]


def send(edge: RunningEdge, case: Case, merchant: str) -> httpx.Response:
    token = edge.bearer(case.scope, merchant=merchant) if case.scope else {}
    headers = {"Content-Type": BATCH_TYPE} | token | case.headers
    url = edge.settings.edge_url + case.path
    request = edge.client.build_request(case.method, url, params=case.query, content=case.body, headers=headers)
    return edge.client.send(request)


def assert_answer(edge: RunningEdge, response: httpx.Response, case: Case) -> None:
    if case.status < 400:
        assert (response.status_code, response.headers["content-type"]) == (case.status, "application/json")
        assert set(response.json()) == {"accepted", "rejected", "receipt"}
        return
    found = problem(response, case.status, case.slug)
    for name, value in case.answer.items():
        assert name in response.headers
        assert value is None or response.headers[name] == value
    page = edge.client.get(edge.settings.edge_url + found["type"]).json()
    assert (page["status"], page["title"]) == (case.status, found["title"])
    assert ("retry-after" in response.headers) == (case.status in (429, 503))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.status} {case.name}")
def test_the_answer_to(edge: RunningEdge, case: Case) -> None:
    assert_answer(edge, send(edge, case, f"m{CASES.index(case)}"), case)


SPENT = Case("a merchant over its quota", 429, "quota-exceeded", answer={"retry-after": None})
DOWN = Case("an edge that can keep nothing", 503, "unavailable", answer={"retry-after": None})
SLOW = Case("a body that does not come", 408, "request-timeout")


def test_the_answer_to_a_merchant_over_its_quota(edge: RunningEdge) -> None:
    assert send(edge, Case("", 202, body=encode([event(n) for n in range(150)])), "eager").status_code == 202
    response = send(edge, SPENT, "eager")
    assert_answer(edge, response, SPENT)
    assert 1 <= int(response.headers["retry-after"]) <= 2
    assert send(edge, CASES[0], "patient").status_code == 202


def test_the_answer_of_an_edge_that_can_keep_nothing(edge: RunningEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.app.edge, "unavailable_reason", lambda: "neither Kafka nor the disk")
    response = send(edge, DOWN, "any")
    assert_answer(edge, response, DOWN)
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["detail"] == "neither Kafka nor the disk"


def test_the_answer_to_a_body_that_does_not_come(edge: RunningEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.request.BODY_SECONDS", 0.1)
    headers = {"Content-Type": BATCH_TYPE} | edge.bearer(Scope.EVENTS_WRITE, merchant="slow")
    assert_answer(edge, answer_to_half("POST", edge.settings.edge_url + SLOW.path, headers), SLOW)


def test_a_browser_may_send_what_it_may(edge: RunningEdge) -> None:
    token = edge.token(Scope.EVENTS_WRITE_BROWSER)
    response = edge.client.post(edge.url, params={"token": token}, content=encode(view()), headers=TEXT)
    assert response.status_code == 202


def test_openapi_names_every_status(edge: RunningEdge) -> None:
    document = edge.client.get(f"{edge.settings.edge_url}/openapi.json").json()
    described = document["paths"]["/v1/events"]["post"]["responses"]
    of_the_path = {str(case.status) for case in (*CASES, SPENT, DOWN, SLOW)} - {"404", "405"}
    assert set(described) == of_the_path
    for status, response in described.items():
        media = "application/json" if status == "202" else "application/problem+json"
        assert list(response["content"]) == [media]
        assert ("Retry-After" in response.get("headers", {})) == (status in ("429", "503"))
    types = {case.slug for case in (*CASES, SPENT, DOWN, SLOW)} - {"", "not-found", "method-not-allowed"}
    text = str(described)
    assert [slug for slug in types if f"/problems/{slug}" not in text] == []
    assert {kind.slug for kind in Kind} >= types
