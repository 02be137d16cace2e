"""The ops API as a client with a token sees it, and what lies behind it."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from lakehouse.clients.files import LocalFiles
from lakehouse.http.health import Health
from lakehouse.settings import Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.transform.ops_api.operations import Operations
from tests.support.half_request import answer_to_half
from tests.support.logged_warehouse import LAYOUT, LoggedWarehouse
from tests.support.quarantine_world import QuarantineWorld


@dataclass
class OpsApi:
    """A client with a token, and what lies behind the ops API: version 1 is live, version 2 a candidate."""

    client: httpx.Client
    settings: Settings
    warehouse: LoggedWarehouse
    health: Health
    woken: list[int] = field(default_factory=list)
    compared: list[tuple[int, int]] = field(default_factory=list)
    quarantine: QuarantineWorld = field(default_factory=QuarantineWorld)

    @property
    def files(self) -> LocalFiles:
        return self.warehouse.files

    @property
    def operations(self) -> Operations:
        return Operations(self.files, LAYOUT)

    def bearer(self, *scopes: Scope, actor: str = "olga") -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(self.settings, actor, list(scopes or [Scope.OPS]))}"}

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(f"/v1/ops/{path}", headers=self.bearer() | headers)

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.client.post(f"/v1/ops/{path}", json=body, headers=self.bearer() | headers)

    def half(self, method: str, path: str) -> httpx.Response:
        """The answer to a request whose body does not come."""
        answer = answer_to_half(method, str(self.client.base_url.join(f"/v1/ops/{path}")), self.bearer())
        for look in self.client.event_hooks["response"]:
            look(answer)
        return answer


def undocumented(document: dict[str, Any], answers: list[httpx.Response]) -> set[str]:
    """Answers that the OpenAPI document does not know, of the routes and methods that it knows."""
    found = set()
    literal = {path for path in document["paths"] if "{" not in path}
    for answer in answers:
        method, status = answer.request.method.lower(), str(answer.status_code)
        for path, operations in document["paths"].items():
            asked = answer.request.url.path
            if path == asked or (asked not in literal and re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), asked)):
                known = operations[method]["responses"] if method in operations else {"405"}
                found |= set() if status in known else {f"{method} {path}: {status}"}
    return found


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["type"].rpartition("/")[2]
