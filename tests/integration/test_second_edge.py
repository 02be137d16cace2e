"""An edge on another host: a home, a name and ports of its own, and addresses of everything else.

What is sent again through another edge is the same event; and one whose disk is gone stops nobody.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lakehouse.simulate.dataset import simulated
from tests.datasets.shown import expected, send, settle, shown, under_prefix
from tests.support.embedded_stack import EmbeddedStack, free_port_base

pytestmark = pytest.mark.stack


@contextmanager
def another_edge(stack: EmbeddedStack, name: str, folder: Path, **changes: str) -> Iterator[EmbeddedStack]:
    """The stack as seen by who sends to another edge, which is killed in the end."""
    settings, port = stack.settings, free_port_base()
    elsewhere = {
        **stack.environment,
        "LAKEHOUSE_HOME": str(folder / name),
        "LAKEHOUSE_PORT_BASE": str(port),
        "LAKEHOUSE_EDGE__NAME": name,
        "LAKEHOUSE_KEYS": str(settings.keys_path),
        "LAKEHOUSE_AT__KAFKA": settings.kafka_bootstrap,
        "LAKEHOUSE_AT__HDFS": settings.hdfs_url.removeprefix("hdfs://"),
        "HADOOP_USER_NAME": "lakehouse",
        **changes,
    }
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "ingestion"], env=elsewhere, stdout=output, stderr=output)
    address = f"{settings.host}:{port}"
    try:
        await_ready(f"http://{address}", log)
        yield replace(stack, environment={**stack.environment, "LAKEHOUSE_AT__EDGE": address})
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def other(stack: EmbeddedStack, tmp_path: Path) -> Iterator[EmbeddedStack]:
    with another_edge(stack, "edge-2", tmp_path) as edge:
        yield edge


def await_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


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


@pytest.mark.timeout(900)
def test_an_edge_that_is_gone_with_its_disk_is_retired_and_the_ledger_balances(
    stack: EmbeddedStack, tmp_path: Path
) -> None:
    """Of one, Kafka has all and raw files nothing; of the other nobody has anything but its last ledger."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    history = simulated(seed=81, merchants=1, start=end - timedelta(days=1), end=end, visits_per_day=8.0)
    impatient = replace(stack, environment={**stack.environment, "LAKEHOUSE_TRANSFORM__EDGE_SILENT_AFTER": "PT5S"})
    before, sent = settle(stack)["totals"], {}
    kafkas = {"edge-3": {}, "edge-4": {"LAKEHOUSE_AT__KAFKA": f"{stack.settings.host}:9"}}
    for name, kafka in kafkas.items():
        with another_edge(stack, name, tmp_path, LAKEHOUSE_EDGE__SEGMENT_MAX_AGE="PT1H", **kafka) as edge:
            sent[name] = send(edge, under_prefix(history, f"{name}-"), tmp_path)["accepted"]
            owed = {"undelivered": sent[name] if kafka else 0, "unshipped": sent[name]}
            row = listed(stack, name, state="live", accepted=sent[name], **owed)
            refused = stack.run("edge", "retire", row["incarnation"], "--lost", "--reason", "no")
            assert (refused.returncode, "alive" in refused.stderr) == (1, True), refused.stderr
        shutil.rmtree(tmp_path / name)
    for name in kafkas:
        row = listed(impatient, name, state="silent")
        status = json.loads(impatient.run("status", "--format", "json").stdout)
        assert row["incarnation"] in [one["incarnation"] for one in status["edges"]["silent"]]
        done = impatient.run("edge", "retire", row["incarnation"], "--lost", "--reason", "a fire", "--format", "json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        expected_loss = (sent[name], 0) if name == "edge-4" else (0, sent[name])
        assert (found["lost"], found["raw_gaps"]) == expected_loss
        assert listed(impatient, name, state="retired")
    ledger = settle(stack)
    after = {column: ledger["totals"][column] - before[column] for column in before}
    assert (after["accepted"], after["lost"], after["raw_gaps"]) == (sum(sent.values()), sent["edge-4"], sent["edge-3"])
    counted = sum(after[stage] for stage in ("silver", "duplicates", "quarantined"))
    assert after["kafka"] == after["bronze"] == counted == sent["edge-3"]
    assert {(one["edge"], one["reason"]) for one in ledger["retired"]} >= {("edge-3", "a fire"), ("edge-4", "a fire")}
    assert ledger["held_back_by"] == []
