"""Contract 1 over real HTTP: statuses, bodies, headers, and a client that knows nothing of us (the CloudEvents SDK)."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import CloudEvent as OldEvent
from cloudevents.v1.http import to_binary, to_structured

from ingestion.content_headers import BATCH_TYPE, EVENT_TYPE
from lakehouse.clients.files import LocalFiles
from lakehouse.tokens import Scope
from lakehouse.tokens.revoke import revoke_merchant, revoke_token
from tests.support.valid_events import encode, order
from tests.unit.ingestion.conftest import RunningEdge, serve, settings_of

NOW = datetime.now(UTC)
BATCH = {"Content-Type": BATCH_TYPE}


def event(number: int = 0, **changes: Any) -> dict[str, Any]:
    return order() | {"id": f"e{number}", "time": NOW.isoformat()} | changes


def view(number: int = 0) -> dict[str, Any]:
    return event(number, type="page.viewed", data={"visitor_id": "v", "session_id": "s"})


def post(edge: RunningEdge, body: bytes, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    return edge.client.post(edge.url, content=body, headers=edge.bearer() | BATCH | (headers or {}), **more)


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["type"], body["status"]) == (f"/problems/{slug}", status)
    assert body["title"]
    assert body["detail"]
    return body


def test_good_events_are_taken_although_others_are_bad(edge: RunningEdge) -> None:
    bad = event(3)
    del bad["data"]["currency"]
    response = post(edge, encode([event(0), event(1), event(2), bad, event(4)]))
    assert response.status_code == 202
    body = response.json()
    assert body["accepted"] == 4
    assert body["rejected"] == [{"index": 3, "id": "e3", "reason": "missing_field", "detail": "data.currency"}]
    receipt = body["receipt"]
    assert (receipt["edge"], receipt["durable"]) == ("edge-1", "disk")
    assert receipt["last"] - receipt["first"] == 3
    following = post(edge, encode([event(5)])).json()["receipt"]
    assert (following["first"], following["last"]) == (receipt["last"] + 1, receipt["last"] + 1)
    lines = list((edge.settings.home_path / "edge" / "edge-1").glob("*/accepted/*.ndjson"))
    assert any(f'"segment":"{receipt["segment"]}"' in path.read_text() for path in lines)


def test_an_empty_batch_is_taken(edge: RunningEdge) -> None:
    response = post(edge, b"[]")
    assert response.status_code == 202
    assert (response.json()["accepted"], response.json()["rejected"]) == (0, [])


def test_nothing_but_bad_events_is_400_with_the_reasons(edge: RunningEdge) -> None:
    body = problem(post(edge, encode([event(0, type="x.y"), 5])), 400, "all-rejected")
    assert [(row["index"], row["id"], row["reason"]) for row in body["rejected"]] == [
        (0, "e0", "unknown_type"),
        (1, None, "wrong_type"),
    ]


def test_a_body_that_cannot_be_read(edge: RunningEdge) -> None:
    problem(post(edge, b'[{"visitor_id":"secret-1"'), 400, "unreadable-body")
    problem(post(edge, b"\x1f\x8b", {"Content-Encoding": "gzip"}), 400, "unreadable-body")
    kept = b"".join(path.read_bytes() for path in (edge.settings.home_path / "edge").glob("*/*/rejected/*.ndjson"))
    assert b'"reason":"unreadable"' in kept


@pytest.mark.parametrize(
    ("headers", "slug"),
    [
        ({}, "unauthorized"),
        ({"Authorization": "Bearer nonsense"}, "unauthorized"),
        ({"Authorization": "Basic eDp5"}, "unauthorized"),
        ({"Authorization": "Bearer"}, "unauthorized"),
    ],
)
def test_who_does_not_say_who_he_is(edge: RunningEdge, headers: dict[str, str], slug: str) -> None:
    response = edge.client.post(edge.url, content=b"[]", headers=BATCH | headers)
    problem(response, 401, slug)
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_token_for_reading_may_not_write(edge: RunningEdge) -> None:
    response = edge.client.post(edge.url, content=b"[]", headers=BATCH | edge.bearer(Scope.INSIGHTS_READ))
    problem(response, 403, "forbidden")


def test_a_beacon_carries_its_token_in_the_url(edge: RunningEdge) -> None:
    text = {"Content-Type": "text/plain;charset=UTF-8"}
    browser = edge.token(Scope.EVENTS_WRITE_BROWSER)
    for body in (encode(view()), encode([view(), view(1)])):
        response = edge.client.post(edge.url, params={"token": browser}, content=body, headers=text)
        assert response.status_code == 202
        assert response.headers["access-control-allow-origin"] == "*"
    refused = edge.client.post(edge.url, params={"token": browser}, content=encode(event()), headers=text)
    assert problem(refused, 403, "forbidden")["rejected"][0]["reason"] == "forbidden_type"
    for scopes in ((Scope.EVENTS_WRITE,), (Scope.EVENTS_WRITE, Scope.EVENTS_WRITE_BROWSER)):
        token = edge.token(*scopes)
        problem(edge.client.post(edge.url, params={"token": token}, content=b"[]", headers=text), 403, "forbidden")
    problem(edge.client.post(edge.url, params={"token": browser}, content=b"[]", headers=BATCH), 401, "unauthorized")


def test_media_types_and_codings(edge: RunningEdge) -> None:
    problem(post(edge, b"[]", {"Content-Type": "application/json"}), 415, "unsupported-media-type")
    problem(post(edge, b"[]", {"Content-Type": f"{BATCH_TYPE}; charset=latin-1"}), 415, "unsupported-media-type")
    problem(post(edge, b"[]", {"Content-Encoding": "br"}), 415, "unsupported-media-type")
    body = encode([event()])
    assert post(edge, gzip.compress(body), {"Content-Encoding": "gzip"}).json()["accepted"] == 1
    assert post(edge, zstandard.compress(body), {"Content-Encoding": "zstd"}).json()["accepted"] == 1


@pytest.mark.parametrize("size", [(1 << 20) + 1, 5 << 20, 40 << 20])
def test_a_body_that_is_too_large(edge: RunningEdge, size: int) -> None:
    problem(post(edge, b" " * size), 413, "too-large")


def test_large_bodies_in_other_ways(edge: RunningEdge) -> None:
    problem(post(edge, gzip.compress(b" " * (2 << 20)), {"Content-Encoding": "gzip"}), 413, "too-large")
    problem(post(edge, encode([event(n) for n in range(1001)])), 413, "too-large")
    alone = encode(event(data=order(note="x" * (64 << 10))["data"]))
    problem(post(edge, alone, {"Content-Type": EVENT_TYPE}), 413, "too-large")
    assert post(edge, encode([event(), json.loads(alone)])).json()["rejected"][0]["reason"] == "too_large"
    chunked = edge.client.post(edge.url, content=iter([b"[", b" " * (2 << 20), b"]"]), headers=edge.bearer() | BATCH)
    problem(chunked, 413, "too-large")


def test_a_body_in_chunks_is_whole(edge: RunningEdge) -> None:
    body = encode([event(n) for n in range(50)])
    parts = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    response = edge.client.post(edge.url, content=iter(parts), headers=edge.bearer() | BATCH)
    assert response.json()["accepted"] == 50


def test_other_methods(edge: RunningEdge) -> None:
    problem(edge.client.get(edge.url), 405, "method-not-allowed")
    answer = edge.client.options(edge.url, headers={"Origin": "https://shop.example"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    hook = edge.client.options(edge.url, headers={"WebHook-Request-Origin": "eventemitter.example.com"})
    assert hook.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    problem(edge.client.get(f"{edge.settings.edge_url}/nothing"), 404, "not-found")


def test_the_sdk_of_cloudevents_works_unmodified(edge: RunningEdge) -> None:
    attributes = {"id": "sdk é", "source": "/sdk", "type": "order.placed", "specversion": "1.0", "time": NOW}
    sdk = CloudEvent(attributes=attributes, data=order()["data"])
    old = OldEvent({"type": "order.placed", "source": "/sdk"}, order()["data"])
    typed = CloudEvent(attributes=attributes | {"datacontenttype": "application/json"}, data=order()["data"])
    messages = [(m.headers, m.body) for one in (sdk, typed) for m in (to_binary_event(one), to_structured_event(one))]
    messages += [to_binary(old), to_structured(old)]
    for headers, body in messages:
        response = edge.client.post(edge.url, content=body, headers={**headers, **edge.bearer()})
        assert (response.status_code, response.json()["accepted"]) == (202, 1), (headers, response.text)


def test_merchants_are_told_apart_by_their_tokens_only(edge: RunningEdge) -> None:
    for merchant in ("shop-1", "...", "a", "A.b_c-9" * 9):
        headers = BATCH | edge.bearer(merchant=merchant)
        assert edge.client.post(edge.url, content=encode([event()]), headers=headers).status_code == 202
    paths = (edge.settings.home_path / "edge").glob("*/*/accepted/*.ndjson")
    merchants = {json.loads(line)["merchant_id"] for path in paths for line in path.read_bytes().splitlines()}
    assert merchants >= {"...", "a", "A.b_c-9" * 9, "shop-1"}


def until(status: int, edge: RunningEdge, token: str) -> None:
    """Asks until the token has this effect; the test's own timeout ends the wait."""
    headers = BATCH | {"Authorization": f"Bearer {token}"}
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while edge.client.post(edge.url, content=b"[]", headers=headers).status_code != status:
        assert datetime.now(UTC) < deadline


def test_a_revocation_takes_effect_without_a_restart(edge: RunningEdge) -> None:
    import jwt

    first, second = edge.token(merchant="rev"), edge.token(merchant="rev")
    until(202, edge, first)
    revoke_token(edge.settings, jwt.decode(first, options={"verify_signature": False})["jti"])
    until(401, edge, first)
    until(202, edge, second)
    revoke_merchant(edge.settings, "rev")
    until(401, edge, second)
    until(202, edge, edge.token(merchant="rev"))


def test_the_pages_of_operation(edge: RunningEdge) -> None:
    url = edge.settings.edge_url
    assert edge.client.get(f"{url}/healthz").status_code == 200
    assert edge.client.get(f"{url}/readyz").json()["durable"] in ("kafka", "disk")
    metrics = edge.client.get(f"{url}/metrics").text
    assert "edge_events_accepted_total" in metrics
    assert "shop-1" not in metrics
    listed = {row["type"] for row in edge.client.get(f"{url}/problems").json()["problems"]}
    assert "/problems/all-rejected" in listed
    assert edge.client.get(f"{url}/problems/all-rejected").json()["status"] == 400
    document = edge.client.get(f"{url}/openapi.json").json()
    assert "not '.' or '..'" in document["paths"]["/v1/events"]["post"]["description"]
    schemas = document["components"]["schemas"]
    assert "data_base64" in schemas["CloudEvent"]["properties"]
    assert {"internal_error", "bad_base64"} <= set(schemas["Rejected"]["properties"]["reason"]["enum"])


def test_the_documentation_loads_nothing_from_elsewhere(edge: RunningEdge) -> None:
    page = edge.client.get(f"{edge.settings.edge_url}/docs")
    assert page.status_code == 200
    assert "http://" not in page.text.replace(edge.settings.edge_url, "")
    assert "https://" not in page.text


def test_the_quota_answers_429_in_whole_seconds(tmp_path: Path) -> None:
    for edge in serve(settings_of(tmp_path, quota_events_per_second=10), LocalFiles(tmp_path / "hdfs")):
        assert post(edge, encode([event(n) for n in range(45)])).status_code == 202
        response = post(edge, encode([event()]))
        problem(response, 429, "quota-exceeded")
        assert 1 <= int(response.headers["retry-after"]) <= 4
        other = edge.bearer(merchant="shop-2")
        assert edge.client.post(edge.url, content=b"[]", headers=BATCH | other).status_code == 202


def exhausted(edge: RunningEdge, merchant: str) -> tuple[str, int]:
    response = post(edge, encode([event()]), edge.bearer(merchant=merchant))
    return problem(response, 429, "quota-exceeded")["detail"], int(response.headers["retry-after"])


GZIP = {"Content-Encoding": "gzip"}
CHARGED_BYTES: list[tuple[bytes, dict[str, str], int, int]] = [
    (b" " * 50_000 + b"[]", {}, 202, 50_002),
    (b" " * 50_000, {}, 400, 50_000),
    (encode([event(0, type="x.y", note="x" * 50_000)]), {}, 400, 50_000),
    (b" " * 200_000, {}, 413, 200_000),
    (b" " * 50_000, {"Content-Encoding": "br"}, 415, 50_000),
    (gzip.compress(b" " * 50_000 + b"[]"), GZIP, 202, 50_002),
    (gzip.compress(b" " * 50_000), GZIP, 400, 50_000),
    (gzip.compress(bytes(5 << 20)), GZIP, 413, 100_000),
    (gzip.compress(b"") * 2_500 + gzip.compress(b"[]"), GZIP, 202, 50_000),
    (b"[" + b"1," * 25_000 + b"1]", {}, 413, 50_000),
]
"""Bodies with their answer and with the bytes that they cost, of a coded one the larger of both."""


def test_bytes_are_charged_whatever_becomes_of_them(tmp_path: Path) -> None:
    limits = {"quota_bytes_per_second": 10_000, "max_body_bytes": 100_000}
    for edge in serve(settings_of(tmp_path, **limits), LocalFiles(tmp_path / "hdfs")):
        for number, (body, headers, status, charged) in enumerate(CHARGED_BYTES):
            merchant = f"m{number}"
            assert post(edge, body, edge.bearer(merchant=merchant) | headers).status_code == status
            detail, wait = exhausted(edge, merchant)
            assert detail == "more than 10000 bytes a second"
            assert charged // 10_000 - 2 <= wait <= charged // 10_000


CHARGED_EVENTS: list[tuple[bytes, dict[str, str], int, int]] = [
    (b"[]", {}, 202, 1),
    (b"oops", {}, 400, 1),
    (b"[]", {"Content-Encoding": "br"}, 415, 1),
    (b" " * 200_000, {}, 413, 1),
    (encode([event(n, type="x.y") for n in range(30)]), {}, 400, 30),
    (encode([event(n, type="x.y" if n % 2 else "order.placed") for n in range(30)]), {}, 202, 30),
    (b"[" + b"1," * 2_000 + b"1]", {}, 413, 31),
]
"""Bodies with their answer and with the events that they cost: those that were counted, at least one a request."""


def test_events_are_charged_where_they_were_counted_and_one_a_request(tmp_path: Path) -> None:
    limits = {"quota_events_per_second": 5, "max_body_bytes": 100_000, "max_batch_events": 30}
    for edge in serve(settings_of(tmp_path, **limits), LocalFiles(tmp_path / "hdfs")):
        for number, (body, headers, status, charged) in enumerate(CHARGED_EVENTS):
            merchant = f"m{number}"
            for _ in range(1 if charged > 1 else 8):
                answer = post(edge, body, edge.bearer(merchant=merchant) | headers).status_code
                assert answer == status or (charged == 1 and answer == 429)
            detail, wait = exhausted(edge, merchant)
            assert detail == "more than 5 events a second"
            assert 1 <= wait <= max(1, charged // 5)


def test_what_nobody_has_thought_of_is_no_500(edge: RunningEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    def boom(*_: Any) -> Any:
        raise KeyError("secret-visitor")

    monkeypatch.setattr("ingestion.envelope.check", boom)
    cursed = event(1, xslow=1) | {"id": "cursed"}
    body = post(edge, encode([event(0), cursed, event(2)])).json()
    assert body["accepted"] == 2
    assert body["rejected"] == [{"index": 1, "id": "cursed", "reason": "internal_error", "detail": "event"}]
    assert problem(post(edge, encode([cursed])), 400, "all-rejected")["rejected"][0]["reason"] == "internal_error"
    monkeypatch.setattr("ingestion.pseudonyms.scrub", boom)
    unscrubbed = view(3) | {"data": {"visitor_id": "never-in-quarantine"}, "id": "unscrubbed"}
    assert post(edge, encode([unscrubbed, event(4)])).json()["accepted"] == 1
    paths = (edge.settings.home_path / "edge").glob("*/*/rejected/*.ndjson")
    kept = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    found = [record for record in kept if record.get("id") == "unscrubbed"]
    assert [record["body"] for record in found] == [""]


def test_personal_ids_in_base64_do_not_reach_quarantine(edge: RunningEdge) -> None:
    data = base64.b64encode(encode({"visitor_id": "hidden-visitor"})).decode()
    sent = {name: value for name, value in view().items() if name != "data"} | {"data_base64": data, "id": "b64"}
    assert problem(post(edge, encode([sent])), 400, "all-rejected")["rejected"][0]["detail"] == "data.session_id"
    paths = (edge.settings.home_path / "edge").glob("*/*/rejected/*.ndjson")
    kept = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    body = json.loads(base64.b64decode(next(record["body"] for record in kept if record.get("id") == "b64")))
    assert json.loads(base64.b64decode(body["data_base64"]))["visitor_id"].startswith("p_")


def test_without_kafka_and_without_the_disk_it_is_503(tmp_path: Path) -> None:
    for edge in serve(settings_of(tmp_path, allow_disk_durability=False), LocalFiles(tmp_path / "hdfs")):
        response = post(edge, encode([event()]))
        problem(response, 503, "unavailable")
        assert int(response.headers["retry-after"]) >= 1
        assert edge.client.get(f"{edge.settings.edge_url}/readyz").status_code == 503
        assert edge.client.get(f"{edge.settings.edge_url}/healthz").status_code == 200
        assert not list((tmp_path / "edge").glob("*/*/accepted/*.ndjson"))


def test_an_edge_whose_clock_is_off_is_not_ready(tmp_path: Path) -> None:
    class Slow(LocalFiles):
        """A file system whose clock is an hour behind."""

        def stat(self, path: str) -> Any:
            found = super().stat(path)
            return type(found)(found.path, found.is_folder, found.size, found.modified_at - 3_600_000)

    for edge in serve(settings_of(tmp_path), Slow(tmp_path / "hdfs")):
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while edge.client.get(f"{edge.settings.edge_url}/readyz").status_code != 503:
            assert datetime.now(UTC) < deadline
        assert "clock" in problem(post(edge, encode([event()])), 503, "unavailable")["detail"]


def test_segments_become_raw_files_and_wait_for_kafka(tmp_path: Path) -> None:
    """Shipped at their age; kept on disk, because Kafka does not have them."""
    files = LocalFiles(tmp_path / "hdfs")
    for edge in serve(settings_of(tmp_path, segment_max_age=timedelta(seconds=0.1)), files):
        receipt = post(edge, encode([event(0), event(1)])).json()["receipt"]
        pattern = f"*/{receipt['segment']}.manifest.json"
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while not list((tmp_path / "hdfs/lakehouse/raw").glob(pattern)):
            assert datetime.now(UTC) < deadline
        manifest = json.loads(next((tmp_path / "hdfs/lakehouse/raw").glob(pattern)).read_text())
        assert (manifest["first"], manifest["last"], manifest["count"]) == (0, 1, 2)
        raw = next((tmp_path / "hdfs/lakehouse/raw").glob(f"*/{receipt['segment']}.ndjson")).read_bytes()
        local = next((tmp_path / "edge").glob(f"*/*/accepted/{receipt['segment']}.ndjson")).read_bytes()
        assert raw == local
