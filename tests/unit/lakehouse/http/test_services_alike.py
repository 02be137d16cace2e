"""The edge, the insights API and the ops API answer alike: a client that knows one of them knows the others."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lakehouse.tokens import Scope
from tests.support.http_services import HttpService, services

Services = dict[str, HttpService]
COMPARED = ("content-type", "cache-control", "www-authenticate", "location")


@pytest.fixture(scope="module")
def all_three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with services(tmp_path_factory.mktemp("services")) as made:
        yield made


def alike(answers: list[httpx.Response]) -> httpx.Response:
    """One of them, for they are the same: status, body, and the headers that tell a client what to do."""
    said = [
        (one.status_code, one.text, {name: value for name, value in one.headers.items() if name in COMPARED})
        for one in answers
    ]
    assert all(other == said[0] for other in said), said
    return answers[0]


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (f"/problems/{slug}", status)
    return body


@pytest.mark.parametrize("path", ["/nothing", "/healthz/", "/docs/", "/v1", "/v1/", "/problems/no-such", "/%00"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path(all_three: Services, method: str, path: str) -> None:
    answers = [service.client.request(method, path) for service in all_three.values()]
    if path != "/problems/no-such" or method == "GET":
        problem(alike(answers), 404, "not-found")
    else:
        problem(alike(answers), 405, "method-not-allowed")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/problems", "/problems/not-found", "/docs"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_a_wrong_method(all_three: Services, method: str, path: str) -> None:
    answers = [service.client.request(method, path) for service in all_three.values()]
    assert problem(alike(answers), 405, "method-not-allowed")["detail"] == "use GET"
    assert {one.headers["allow"] for one in answers} == {"GET, HEAD"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_wrong_method_of_a_route_with_a_token(all_three: Services, method: str) -> None:
    for service in all_three.values():
        answer = service.client.request(method, service.path)
        problem(answer, 405, "method-not-allowed")
        assert service.method in answer.headers["allow"].split(", ")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/problems", "/problems/not-found", "/docs", "/nothing"])
def test_head_is_get_without_the_body(all_three: Services, path: str) -> None:
    for service in all_three.values():
        got, head = service.client.get(path), service.client.head(path)
        assert (head.status_code, head.text) == (got.status_code, "")
        assert set(head.headers) == set(got.headers)
        assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer nonsense", "Basic eDp5", "Token x", "Bearer a b", "é"]
)
def test_no_valid_token(all_three: Services, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    answers = [service.ask(headers) for service in all_three.values()]  # type: ignore[arg-type]
    problem(alike(answers), 401, "unauthorized")
    assert answers[0].headers["www-authenticate"].startswith("Bearer ")


def test_a_token_with_another_scope(all_three: Services) -> None:
    for service in all_three.values():
        other = Scope.INSIGHTS_READ if service.scope is Scope.OPS else Scope.OPS
        body = problem(service.ask(service.bearer(other)), 403, "forbidden")
        assert body["detail"].startswith(f"the token needs the scope {service.scope.value}")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("top=1", "top"),
        ("limit=1&limit=1", "limit"),
        ("limit=", "limit"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e3", "limit"),
        ("limit=%D9%A1", "limit"),
        ("Limit=1", "Limit"),
        ("=1", ""),
    ],
)
def test_a_bad_parameter(all_three: Services, query: str, parameter: str) -> None:
    insights, ops = all_three["insights"], all_three["ops"]
    answers = [
        insights.client.get(f"/v1/releases?{query}"),
        ops.client.get(f"/v1/ops/releases?{query}", headers=ops.bearer(ops.scope)),
    ]
    bodies = [problem(answer, 400, "bad-parameter") for answer in answers]
    assert [body["parameter"] for body in bodies] == [parameter, parameter]
    if "limit" in parameter:  # what else there is differs
        alike(answers)


@pytest.mark.parametrize("accept", ["", ";;;q=", "image/png", "*/*;q=x", ",", "application/json;q=0"])
@pytest.mark.parametrize("path", ["/healthz", "/problems", "/nothing"])
def test_where_there_is_one_representation_accept_is_not_looked_at(all_three: Services, path: str, accept: str) -> None:
    for service in all_three.values():
        wanted, any_ = service.client.get(path, headers={"Accept": accept}), service.client.get(path)
        assert (wanted.status_code, wanted.headers["content-type"]) == (any_.status_code, any_.headers["content-type"])


@pytest.mark.parametrize("path", ["/problems", "/problems/unauthorized"])
def test_the_types_of_problems_are_published_by_each(all_three: Services, path: str) -> None:
    assert alike([service.client.get(path) for service in all_three.values()]).status_code == 200


def test_figures_for_prometheus(all_three: Services) -> None:
    for service in all_three.values():
        answer = service.client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert answer.headers["cache-control"] == "no-store"


def test_the_documents_describe_tokens_and_problems_alike(all_three: Services) -> None:
    documents = [service.client.get("/openapi.json").json() for service in all_three.values()]
    schemes = [document["components"]["securitySchemes"] for document in documents]
    assert all(scheme == schemes[0] for scheme in schemes)
    for service, document in zip(all_three.values(), documents, strict=True):
        path = service.path.replace("/merchants/m/", "/merchants/{merchant_id}/")
        operation = document["paths"][path][service.method.lower()]
        assert operation["security"] == [{"token": []}]
        assert {"application/problem+json"} == set(operation["responses"]["401"]["content"])
        assert document["paths"]["/problems"] == documents[0]["paths"]["/problems"]


def test_pages_load_nothing_from_a_foreign_host(all_three: Services) -> None:
    for service in all_three.values():
        page = service.client.get("/docs")
        assert page.status_code == 200
        assert "https://" not in page.text
