"""An edge on another host: a home, a name and ports of its own, and addresses of everything else.

What is sent again through another edge is the same event; and one whose disk is gone stops nobody.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import Signals
from typing import Any

import httpx
import pytest

from lakehouse.simulate.dataset import simulated
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue
from tests.datasets.shown import expected, send, settle, shown, under_prefix
from tests.support.edge_process import beside
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack


@pytest.fixture
def other(stack: EmbeddedStack, tmp_path: Path) -> Iterator[EmbeddedStack]:
    edge = beside(stack, "edge-2", tmp_path)
    with edge.process.running(Signals.SIGTERM):
        yield edge.stack


@pytest.mark.timeout(900)
def test_what_is_sent_again_through_another_edge_is_counted_once(
    stack: EmbeddedStack, other: EmbeddedStack, tmp_path: Path
) -> None:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    history = simulated(seed=18, merchants=3, start=end - timedelta(days=3), end=end, visits_per_day=8.0)
    dataset = under_prefix(history, "second-")
    before = settle(stack)["totals"]
    count = send(stack, dataset, tmp_path)["accepted"]
    assert send(other, dataset, tmp_path)["accepted"] == count
    ledger = settle(stack)
    assert ledger["totals"]["accepted"] - before["accepted"] == 2 * count
    assert ledger["totals"]["duplicates"] - before["duplicates"] == count
    assert shown(stack, dataset.truth) == expected(dataset.truth)


def listed(stack: EmbeddedStack, edge: str, **expected: object) -> dict[str, Any]:
    """The row of an edge's only incarnation, once it is as expected."""
    deadline = time.monotonic() + 60
    while True:
        answer = stack.run("edge", "list", "--format", "json")
        assert answer.returncode == 0, answer.stderr
        rows: list[dict[str, Any]] = [row for row in json.loads(answer.stdout)["edges"] if row["edge"] == edge]
        if len(rows) == 1 and expected.items() <= rows[0].items():
            return rows[0]
        assert time.monotonic() < deadline, rows
        time.sleep(0.5)


def test_an_edge_that_lives_is_not_given_up_over_http(stack: EmbeddedStack) -> None:
    settings = stack.settings
    headers = {"Authorization": f"Bearer {issue(settings, 'olga', [Scope.OPS])}"}
    with httpx.Client(base_url=f"{settings.transform_url}/v1/ops/", headers=headers, trust_env=False) as client:
        edges = client.get("edges").json()["edges"]
        [live] = [row["incarnation"] for row in edges if (row["edge"], row["state"]) == (settings.edge.name, "live")]
        asked = client.post("edges/retire", json={"incarnation": live, "lost": True, "reason": "no", "dry_run": True})
        assert asked.status_code == 202, asked.text
        deadline = time.monotonic() + 60
        while (found := client.get(f"operations/{asked.json()['operation']}").json())["finished_at"] is None:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
    assert (found["state"], "alive" in found["message"]) == ("refused", True), found


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "reaches_kafka"),
    [("edge-3", False), pytest.param("edge-4", True, marks=pytest.mark.chaos)],
    ids=["lost", "raw_gaps"],
)
def test_an_edge_that_is_gone_with_its_disk_is_retired_and_the_ledger_balances(
    stack: EmbeddedStack, tmp_path: Path, name: str, reaches_kafka: bool
) -> None:
    """HDFS has nothing of it but its last ledger, and Kafka has all that it accepted, or nothing."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    history = simulated(seed=81, merchants=1, start=end - timedelta(days=1), end=end, visits_per_day=8.0)
    impatient = replace(stack, environment={**stack.environment, "LAKEHOUSE_TRANSFORM__EDGE_SILENT_AFTER": "PT5S"})
    changes = {"LAKEHOUSE_EDGE__SEGMENT_MAX_AGE": "PT1H"}
    if not reaches_kafka:
        changes["LAKEHOUSE_AT__KAFKA"] = f"{stack.settings.host}:9"
    edge = beside(stack, name, tmp_path, **changes)
    with edge.process.running(Signals.SIGKILL):
        sent = send(edge.stack, under_prefix(history, f"{name}-"), tmp_path)["accepted"]
        undelivered = 0 if reaches_kafka else sent
        row = listed(stack, name, state="live", accepted=sent, undelivered=undelivered, unshipped=sent)
        refused = stack.run("edge", "retire", row["incarnation"], "--lost", "--reason", "no")
        assert (refused.returncode, "alive" in refused.stderr) == (1, True), refused.stderr
    shutil.rmtree(edge.home)
    listed(impatient, name, state="silent")
    status = json.loads(impatient.run("status", "--format", "json").stdout)
    assert row["incarnation"] in [one["incarnation"] for one in status["edges"]["silent"]]
    unproved = impatient.run("reconcile", "--wait", "--timeout", "0", "--format", "json")
    assert unproved.returncode == 1, unproved.stderr
    doubts = {(one["incarnation"], one["reason"]) for one in json.loads(unproved.stdout)["unproved"]}
    assert (row["incarnation"], "silent") in doubts, "what it may have accepted after its last ledger nobody knows"
    done = impatient.run("edge", "retire", row["incarnation"], "--lost", "--reason", "a fire", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["lost"], found["raw_gaps"]) == ((0, sent) if reaches_kafka else (sent, 0))
    ledger = settle(stack)
    totals, retired = ledger["totals"], {one["edge"]: one for one in ledger["retired"]}
    assert (retired[name]["lost"], retired[name]["raw_gaps"]) == (found["lost"], found["raw_gaps"])
    assert (totals["lost"], totals["raw_gaps"]) == tuple(
        sum(one[column] for one in retired.values()) for column in ("lost", "raw_gaps")
    )
    assert totals["accepted"] == totals["kafka"] + totals["lost"]
    assert totals["kafka"] == totals["bronze"] == totals["raw"] + totals["raw_gaps"]
    listed(impatient, name, state="retired")
    if reaches_kafka:
        filled = stack.run("bronze-to-raw", "--format", "json")
        assert filled.returncode == 0, filled.stderr
        assert json.loads(filled.stdout)["filled"] == sent
        totals = settle(stack)["totals"]
        assert (totals["raw_gaps"], totals["raw"]) == (0, totals["kafka"])
