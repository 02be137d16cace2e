"""Contract 1 over real HTTP: statuses, bodies, headers, and a client that knows nothing of us (the CloudEvents SDK)."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import CloudEvent as OldEvent
from cloudevents.v1.http import to_binary, to_structured

from lakehouse.tokens import Scope
from lakehouse.tokens.revoke import revoke_merchant, revoke_token
from tests.support.running_edge import BATCH, NOW, RunningEdge, event, post, problem, view
from tests.support.valid_events import encode, order


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
    long = f"{edge.url}?token={browser}{'&a=b' * 5_000}"
    problem(edge.client.post(long, content=b"[]", headers=text), 401, "unauthorized")


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
    deadline = datetime.now(UTC) + timedelta(seconds=60)
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
