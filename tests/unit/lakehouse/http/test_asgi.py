"""An endpoint in plain ASGI answers like a route of the framework, whatever its handler does."""

import asyncio
from typing import Any

import msgspec
import pytest

from lakehouse.http.asgi import Endpoint, Receive, Request, Response, Scope
from lakehouse.http.problems import Kind, ProblemError

VARY = (b"vary", b"Accept")


async def answer(scope: Scope, receive: Receive) -> Response:
    request = Request.of(scope)
    if request.query == b"refused":
        raise ProblemError(Kind.CONFLICT, "no", headers={"Retry-After": "2"})
    if request.query == b"broken":
        raise RuntimeError("secret")
    if request.query == b"unchanged":
        return Response(b"", 304)
    return Response(f"{request.header(b'x')} {request.path_parameters['name']}".encode())


def ask(method: str, query: bytes = b"") -> tuple[int, dict[bytes, bytes], bytes, list[int]]:
    sent: list[Any] = []
    counted: list[int] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "method": method,
        "path": "/p",
        "query_string": query,
        "headers": [(b"x", b"1"), (b"x", b"2")],
        "path_params": {"name": "n"},
    }
    endpoint = Endpoint({"GET": answer, "HEAD": answer}, lambda status, _: counted.append(status), [VARY])
    asyncio.run(endpoint(scope, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"], counted


def test_repeated_headers_are_one_list_and_the_path_is_read() -> None:
    status, headers, body, counted = ask("GET")
    assert (status, body, counted) == (200, b"1, 2 n", [200])
    assert headers[b"content-length"] == b"6"


def test_head_has_the_headers_and_no_body() -> None:
    status, headers, body, _ = ask("HEAD")
    assert (status, headers[b"content-length"], body) == (200, b"6", b"")


def test_nothing_is_said_of_the_length_of_a_body_that_the_client_has() -> None:
    status, headers, _, _ = ask("GET", b"unchanged")
    assert status == 304
    assert b"content-length" not in headers


@pytest.mark.parametrize(
    ("method", "query", "kind", "more"),
    [
        ("GET", b"refused", Kind.CONFLICT, {b"retry-after": b"2"}),
        ("GET", b"broken", Kind.INTERNAL, {}),
        ("POST", b"", Kind.METHOD_NOT_ALLOWED, {b"allow": b"GET, HEAD"}),
    ],
)
def test_what_goes_wrong_is_a_problem_and_is_counted(
    method: str, query: bytes, kind: Kind, more: dict[bytes, bytes]
) -> None:
    status, headers, body, counted = ask(method, query)
    assert (status, counted) == (kind.status, [kind.status])
    assert msgspec.json.decode(body)["type"] == kind.type
    assert headers.items() >= {b"content-type": b"application/problem+json", VARY[0]: VARY[1], **more}.items()
    assert b"secret" not in body
