"""An edge on another host: a home, a name and ports of its own, and addresses of everything else.

What is sent again through another edge is the same event.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lakehouse.simulate.dataset import simulated
from tests.datasets.shown import expected, send, settle, shown, under_prefix
from tests.support.embedded_stack import EmbeddedStack, free_port_base

pytestmark = pytest.mark.stack


@pytest.fixture
def other(stack: EmbeddedStack, tmp_path: Path) -> Iterator[EmbeddedStack]:
    """The stack as seen by who sends to the other edge."""
    settings, port = stack.settings, free_port_base()
    elsewhere = {
        **stack.environment,
        "LAKEHOUSE_HOME": str(tmp_path / "elsewhere"),
        "LAKEHOUSE_PORT_BASE": str(port),
        "LAKEHOUSE_EDGE__NAME": "edge-2",
        "LAKEHOUSE_KEYS": str(settings.keys_path),
        "LAKEHOUSE_AT__KAFKA": settings.kafka_bootstrap,
        "LAKEHOUSE_AT__HDFS": settings.hdfs_url.removeprefix("hdfs://"),
        "HADOOP_USER_NAME": "lakehouse",
    }
    with (tmp_path / "edge-2.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "ingestion"], env=elsewhere, stdout=log, stderr=log)
    address = f"{settings.host}:{port}"
    try:
        await_ready(f"http://{address}", tmp_path / "edge-2.log")
        yield replace(stack, environment={**stack.environment, "LAKEHOUSE_AT__EDGE": address})
    finally:
        process.kill()
        process.wait()


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
