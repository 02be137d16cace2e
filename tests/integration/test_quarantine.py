"""What was refused is listed, shown with its bytes, mended, sent again, and counted: over the whole stack."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from lakehouse.cli import quarantine, trace
from lakehouse.clients.trino import Trino
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack

SHOP = "quarantined-shop"
AT = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
Document = dict[str, Any]


def order(number: int, currency: str, price: int) -> Document:
    lines = [{"product_id": "p", "quantity": 2, "unit_price_minor": price}]
    data = {"order_id": f"o{number}", "currency": currency, "items": lines, "customer_id": "ana"}
    return {"specversion": "1.0", "id": f"e{number}", "source": "/q", "type": "order.placed", "time": AT, "data": data}


def send(stack: EmbeddedStack, *events: Document) -> int:
    token = issue(stack.settings, SHOP, [Scope.EVENTS_WRITE])
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents-batch+json"}
    answer = httpx.post(f"{stack.settings.edge_url}/v1/events", json=list(events), headers=headers, trust_env=False)
    return len(answer.json()["rejected"])


def run(stack: EmbeddedStack, verb: Any, *arguments: str) -> Any:
    """A verb in this process: starting one of its own costs as much as what it does."""
    done = CliRunner().invoke(verb.app, [*arguments, "--format", "json"], env=stack.environment)
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def listed(stack: EmbeddedStack, *more: str) -> Document:
    found: Document = run(stack, quarantine, "list", "--merchant", SHOP, *more)
    return found


def reasons(stack: EmbeddedStack) -> dict[str, int]:
    return {row["reason"]: row["entries"] for row in listed(stack)["by_reason"]}


def counted(stack: EmbeddedStack) -> list[Document]:
    sums = "sum(orders) AS orders, sum(gross_sales) AS gross"
    query = f"SELECT currency, {sums} FROM gold.merchant_sales WHERE merchant_id = '{SHOP}' GROUP BY 1"
    return Trino.of(stack.settings, read_only=True).query(query)


def await_equal(found: Callable[[], Any], wanted: Any, seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while (now := found()) != wanted:
        assert time.monotonic() < deadline, now
        time.sleep(1)  # a look asks Trino or HDFS, and takes the processor from what is awaited


def by_operation(stack: EmbeddedStack, request: Document) -> Document:
    """What became of a replay that the ops API was asked for."""
    url = f"http://{stack.settings.host}:{stack.settings.ports.transform}/v1/ops"
    headers = {"Authorization": f"Bearer {issue(stack.settings, 'olga', [Scope.OPS])}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        (entry,) = client.get("/quarantine", params=request["where"]).json()["entries"]
        assert client.get(f"/quarantine/{entry['entry']}").json()["entry"] == entry["entry"]
        operation = client.post("/quarantine/replay", json=request).json()["operation"]
        deadline = time.monotonic() + 240
        while not (document := client.get(f"/operations/{operation}").json())["finished_at"]:
            assert time.monotonic() < deadline, document
            time.sleep(0.5)
    assert document["state"] == "done", document
    return dict(document["replay"])


@pytest.mark.timeout(1500)
def test_what_was_refused_is_mended_and_counted(stack: EmbeddedStack) -> None:
    assert send(stack, order(1, "brl", 50), order(2, "BRL", 7), order(3, "BRL", 9)) == 1
    assert send(stack, order(3, "BRL", 10)) == 0, "it differs from the one before, and is accepted"
    await_equal(lambda: reasons(stack), {"unknown_currency": 1, "conflicting_duplicate": 1})
    assert counted(stack) == [{"currency": "BRL", "orders": 2, "gross": 32}]
    (rejected,) = listed(stack, "--reason", "unknown_currency")["entries"]
    (conflict,) = listed(stack, "--station", "models", "--since", AT)["entries"]
    assert conflict["detail"].startswith("another one was accepted first, as edge-1/")
    assert (rejected["id"], rejected["detail"], rejected["replays"]) == ("e1", "data.currency", None)
    shown = run(stack, quarantine, "show", rejected["entry"])
    assert json.loads(shown["text"])["data"]["currency"] == "brl"
    assert "ana" not in shown["text"]
    shown = run(stack, quarantine, "show", conflict["entry"])
    assert shown["counted"]["differs_in"] == ["data"]
    assert json.loads(shown["text"])["data"]["items"][0]["unit_price_minor"] == 10

    upper = (rejected["entry"], "--mend", ".data.currency |= ascii_upcase")
    (preview,) = run(stack, quarantine, "replay", *upper, "--dry-run")["preview"]
    assert (preview["currency"], preview["orders"], preview["gross_sales"]) == ("BRL", 1, 100)
    other = '.id = "e4" | .data.order_id = "o4"'
    assert [run(stack, quarantine, "replay", *upper)["accepted"] for _ in range(2)] == [1, 1]
    where = {"reason": "conflicting_duplicate", "merchant": SHOP}
    assert by_operation(stack, {"where": where, "mend": other})["accepted"] == 1
    await_equal(lambda: counted(stack), [{"currency": "BRL", "orders": 4, "gross": 152}])
    replays = {row["entry"]: len(row["replays"]) for row in listed(stack, "--replays")["entries"]}
    assert replays == {rejected["entry"]: 2, conflict["entry"]: 1}
    assert run(stack, quarantine, "replay", *upper, "--dry-run")["replayed_before"] == 1
    traced = run(stack, trace, "e4", "--merchant", SHOP)
    assert [copy["replay_of"] for copy in traced["copies"]] == [conflict["entry"]]
    assert stack.run("quarantine", "show", "20261123T100501123Z-9f86d081884c7d65").returncode == 1
