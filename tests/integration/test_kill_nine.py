"""Spark, the edge, Trino and the broker are killed without warning while real data comes in: the numbers stay right."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse.simulate.dataset import Dataset, write_ndjson
from tests.datasets.available import datasets
from tests.datasets.shown import expected, settle, shown, under_prefix
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack

VICTIMS = ("streaming", "edge", "trino", "kafka")
SECONDS_A_VICTIM = 45
"""A server needs most of them to be up again."""


@contextmanager
def sending(stack: EmbeddedStack, file: Path, rate: float) -> Iterator["subprocess.Popen[str]"]:
    """``lakehouse replay`` in the background; it is ended if the test fails."""
    command = [str(stack.lakehouse), "replay", str(file), "--rate", str(rate), "--format", "json"]
    process = subprocess.Popen(
        command,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.chaos
def test_nothing_is_lost_or_doubled(stack: EmbeddedStack, tmp_path: Path) -> None:
    """In every run, each of them is killed by a test of its own (``test_edge_to_kafka``, ``test_kafka_to_bronze``,
    ``test_trino_on_hdfs``), and Trino in ``test_story``, too."""
    seconds = SECONDS_A_VICTIM * len(VICTIMS)
    dataset: Dataset = under_prefix(datasets()[0], "kill-")
    file = tmp_path / "events.ndjson"
    count = write_ndjson(dataset, file)
    before = settle(stack)["totals"]
    with sending(stack, file, count / seconds) as replay:
        for victim in VICTIMS:
            assert replay.poll() is None, "the sending ended before the last kill"
            old = stack.kill(victim)
            stack.await_restart(victim, old)
            stack.await_healthy(victim)
        printed, errors = replay.communicate(timeout=2 * seconds)
    assert replay.returncode == 0, errors
    summary = json.loads(printed)
    assert (summary["accepted"], summary["rejected"]) == (count, 0)

    stack.await_healthy()
    ledger = settle(stack)
    assert ledger["balanced"]
    assert ledger["totals"]["silver"] - before["silver"] == count
    assert ledger["totals"]["lost"] == 0
    assert shown(stack, dataset.truth) == expected(dataset.truth)
