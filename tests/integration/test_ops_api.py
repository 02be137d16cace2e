"""An operator without a shell: reprocess, difference, promote, rollback and drop by HTTP, on the real HDFS and Trino.

The transform service and the processes that carry the operations out are killed meanwhile; each operation ends once.
"""

import io
import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lakehouse.clients.trino import SqlError, Trino
from lakehouse.contracts.layout import Layout
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from lakehouse.transform import definition
from tests.support import embedded_stack
from tests.support.bronze_rows import START, Row, chunks, random_rows, write
from tests.support.embedded_stack import EmbeddedStack
from tests.support.gold_state import expected_sales, shown_sales
from tests.support.planted_bug import plant

pytestmark = pytest.mark.stack

ROWS = random_rows(seed=14, count=500)
FIRST, SECOND = chunks(ROWS, 2)
LAYOUT = Layout("/lakehouse")
QUICK = {
    "LAKEHOUSE_RELEASES__SLICE_ROWS": "60",
    "LAKEHOUSE_RELEASES__FEED_EVERY": "PT5S",
    "LAKEHOUSE_TRANSFORM__INTERVAL": "PT2S",
}
Document = dict[str, Any]


class Operator:
    """Knows the service's address and has a token; what arrives in bronze is said by the test."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self.stack = stack
        self.trino = Trino.of(stack.settings)
        url = f"http://{stack.settings.host}:{stack.settings.ports.transform}"
        token = issue(stack.settings, "olga", [Scope.OPS])
        headers = {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=120)

    def arrive(self, rows: list[Row]) -> None:
        """The mark is older than any acceptance, so that the ledger, which has no edge here, judges no hour."""
        write(f"{self.stack.settings.hdfs_url}{LAYOUT.bronze(FIRST_GENERATION)}", [rows], START + timedelta(days=79))

    def get(self, path: str) -> Document:
        answer = self.client.get(f"/v1/ops/{path}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def operation(self, verb: str, body: Document) -> str:
        answer = self.client.post(f"/v1/ops/{verb}", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["operation"])

    def until(self, operation: str, test: Callable[[Document], object], seconds: float = 240) -> Document:
        """The operation once ``test`` holds; a service that is just being started again is waited for."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                document = self.get(f"operations/{operation}")
                if test(document):
                    return document
            except httpx.TransportError:
                document = {}
            assert time.monotonic() < deadline, f"{document}\n{self.stack.log_tails()}"
            time.sleep(0.1)

    def ended(self, operation: str) -> Document:
        return self.until(operation, lambda document: document["finished_at"])

    def kill_service(self) -> None:
        old = self.stack.kill("transform")
        self.stack.await_restart("transform", old)

    def releases(self) -> list[Document]:
        return list(self.get("releases")["releases"])

    def await_level(self) -> None:
        """Until all gold versions stand at the same bronze commits."""
        deadline = time.monotonic() + 120
        while len({str(each["snapshot"]["bronze"]) for each in self.get("gold-versions")["gold_versions"]}) > 1:
            assert time.monotonic() < deadline, self.stack.log_tails()
            time.sleep(0.5)

    def await_shown(self, expected: Document) -> None:
        deadline = time.monotonic() + 120
        while self._shown() != expected:
            assert time.monotonic() < deadline, self.stack.log_tails()
            time.sleep(0.5)

    def _shown(self) -> Document | None:
        """None before the first release: there are no views yet."""
        try:
            return shown_sales(self.trino)
        except SqlError:
            return None


def workers(operation: str) -> list[int]:
    """Process ids of those who carry the operation out."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if operation.encode() in words and b"lakehouse.transform.ops_api.worker" in words:
            found.append(int(folder.name))
    return found


def archive(project: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(project, ".")
    return buffer.getvalue()


def with_the_bug(rows: list[Row]) -> Document:
    return {
        key: {name: 2 * value if name == "returns" else value for name, value in found.items()}
        for key, found in expected_sales(rows).items()
    }


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    created = embedded_stack.create(tmp_path_factory.mktemp("ops_api"))
    own = replace(created, environment={**created.environment, **QUICK})
    try:
        embedded_stack.start(own, ["kafka", "hdfs", "trino"])
        made = Operator(own)
        write(f"{own.settings.hdfs_url}{LAYOUT.quarantine(FIRST_GENERATION)}", [[]], START)
        made.arrive(FIRST)
        embedded_stack.start(own, ["kafka", "hdfs", "trino", "transform"])
        made.await_shown(expected_sales(FIRST))
        yield made
    finally:
        embedded_stack.discard(own)


@pytest.fixture(scope="module")
def wrong(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The fingerprint of a definition with a planted bug, as the service has frozen it."""
    project = plant(tmp_path_factory.mktemp("project"))
    answer = operator.client.post("/v1/ops/definitions", content=archive(project))
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"fingerprint": definition.fingerprint(project)}
    return str(answer.json()["fingerprint"])


def test_a_reprocess_outlives_the_service_and_its_own_process(operator: Operator, wrong: str) -> None:
    operation = operator.operation("reprocess", {"from": "bronze", "definition": wrong, "reason": "try"})
    operator.until(operation, lambda document: document["progress"] and document["progress"]["rows"])
    old = operator.stack.kill("transform")
    orphans = workers(operation)
    assert orphans, "the process lives on without the service"
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    operator.stack.await_restart("transform", old)
    operator.arrive(SECOND)
    done = operator.ended(operation)
    assert (done["state"], done["gold_version"], done["actor"]) == ("done", 2, "olga"), done
    progress = done["progress"]
    assert (progress["phase"], progress["failure"]) == ("done", None)
    [_, candidate] = operator.get("gold-versions")["gold_versions"]
    assert (candidate["standing"], candidate["plan"]["operation"]) == ("candidate", operation)
    assert candidate["definition"]["fingerprint"] == wrong
    operator.await_shown(expected_sales(ROWS))


def test_the_difference_is_the_bug(operator: Operator) -> None:
    operator.await_level()
    found = operator.get("gold-versions/2/diff?top=5")
    right = sum(each.get("returns", 0) for each in expected_sales(ROWS).values())
    changes = [each["change"] for each in found["metrics"] if each["metric"] == "returns"]
    assert sum(changes) == right > 0
    page = operator.client.get("/v1/ops/gold-versions/2/diff", headers={"Accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "shop-a" in page.text


def test_a_promote_is_done_once_though_the_service_is_killed(operator: Operator) -> None:
    operation = operator.operation("promote", {"gold_version": 2, "reason": "refunds"})
    operator.kill_service()
    done = operator.ended(operation)
    assert (done["state"], done["gold_version"]) == ("done", 2), done
    promotes = [each for each in operator.releases() if each["kind"] == "promote"]
    assert [(each["release"], each["operation"], each["actor"], each["reason"]) for each in promotes] == [
        (done["release"], operation, "olga", "refunds")
    ]
    operator.await_shown(with_the_bug(ROWS))
    again = operator.ended(operator.operation("promote", {"gold_version": 2}))
    assert again["state"] == "refused"
    assert "readers see already" in again["message"]


def test_a_rollback_is_shown_at_once(operator: Operator) -> None:
    done = operator.ended(operator.operation("rollback", {}))
    assert done["state"] == "done", done
    assert shown_sales(operator.trino) == expected_sales(ROWS)
    newest = operator.releases()[0]
    assert (newest["release"], newest["gold_version"], newest["kind"]) == (done["release"], 1, "rollback")


def test_drop(operator: Operator) -> None:
    refused = operator.ended(operator.operation("drop", {"gold_version": 2}))
    assert refused["state"] == "refused"
    assert "was shown to readers" in refused["message"]
    operation = operator.operation("reprocess", {"since": "2026-03-20"})
    candidate = operator.until(operation, lambda document: document["gold_version"])["gold_version"]
    dropped = operator.ended(operator.operation("drop", {"gold_version": candidate, "reason": "not needed"}))
    assert dropped["state"] == "done", dropped
    ended = operator.ended(operation)
    assert ended["state"] in ("refused", "done"), ended
    assert operator.get(f"gold-versions/{candidate}")["standing"] == "dropped"


def test_what_the_door_refuses(operator: Operator) -> None:
    merchant = issue(operator.stack.settings, "shop-a", [Scope.INSIGHTS_READ_ANY, Scope.EVENTS_WRITE])
    for headers, status in (({"Authorization": ""}, 401), ({"Authorization": f"Bearer {merchant}"}, 403)):
        answer = operator.client.post("/v1/ops/rollback", json={"oops": 1}, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    before = operator.releases()
    assert operator.client.post("/v1/ops/rollback", json={"oops": 1}).status_code == 400
    assert operator.client.get("/v1/ops/gold-versions/99/diff?oops=1").status_code == 404
    nothing = operator.ended(operator.operation("reprocess", {"definition": "0" * 64}))
    assert nothing["state"] == "refused"
    assert "no frozen definition" in nothing["message"]
    assert operator.releases() == before


def test_the_service_stops_at_a_signal_and_keeps_its_orders(operator: Operator) -> None:
    operations = operator.get("operations")["operations"]
    old = operator.stack.kill("transform", signal.SIGTERM)
    operator.stack.await_restart("transform", old)
    operator.stack.await_healthy("transform")
    assert operator.get("operations")["operations"] == operations
