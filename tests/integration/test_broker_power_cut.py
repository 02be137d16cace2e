"""The power goes under the only broker: it has lost the end of its logs, which bronze has read and raw files hold.

A power cut is what it leaves: logs that end in the middle of a record batch, and no word of a clean end. The edge has
Kafka's acknowledgement and sends nothing again; readers go on, and history is counted again from the raw files.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lakehouse.contracts.topics import EVENTS
from lakehouse.simulate.dataset import Dataset, simulated
from tests.datasets.shown import expected, send, settle, shown, under_prefix
from tests.support import embedded_stack
from tests.support.embedded_stack import EmbeddedStack
from tests.support.waiting import await_

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(1800)]

KEPT = 0.5
"""Of each partition's bytes."""


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """A stack of its own: what happens to its Kafka is no other test's business."""
    made = embedded_stack.create(tmp_path_factory.mktemp("alone"))
    embedded_stack.start(made)
    yield made
    embedded_stack.discard(made)


def history(prefix: str, seed: int) -> Dataset:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return under_prefix(
        simulated(seed=seed, merchants=3, start=end - timedelta(days=3), end=end, visits_per_day=20.0), prefix
    )


def cut_power(stack: EmbeddedStack) -> None:
    stack.stop("kafka")
    await_(lambda: stack.pid("kafka") == 0)
    data = stack.layout.data("kafka") / "data"
    partitions = sorted(data.glob(f"{EVENTS.name}-*"))
    assert len(partitions) == EVENTS.partitions
    for partition in partitions:
        log = max(partition.glob("*.log"))
        with log.open("r+b") as file:
            file.truncate(int(KEPT * log.stat().st_size))
        for pattern in ("*.index", "*.timeindex", "*.snapshot"):
            for file_of_the_end in partition.glob(pattern):
                file_of_the_end.unlink()
    for name in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
        (data / name).unlink(missing_ok=True)
    embedded_stack.start(stack, only=["kafka"])


def health(stack: EmbeddedStack) -> dict[str, Any]:
    """What streaming says of itself; nothing while it does not answer."""
    try:
        said: dict[str, Any] = httpx.get(f"{stack.settings.streaming_url}/healthz", trust_env=False).json()
    except httpx.TransportError:
        return {}
    return said


def test_what_the_broker_has_lost_is_counted_from_the_raw_files(alone: EmbeddedStack, tmp_path: Path) -> None:
    before, after = history("before-", 1), history("after-", 2)
    sent = send(alone, before, tmp_path)["accepted"]
    settle(alone)
    was = shown(alone, before.truth)
    cut_power(alone)
    await_(lambda: "lakehouse reprocess --from raw" in (health(alone).get("reason") or ""), seconds=300)
    sent += send(alone, after, tmp_path)["accepted"]
    assert shown(alone, before.truth) == was, "readers see what they saw"

    made = alone.run("reprocess", "--from", "raw", "--reason", "the broker has lost the end of its log")
    assert made.returncode == 0, made.stderr
    number = made.stdout.split()[-1]
    promoted = alone.run("promote", number)
    assert promoted.returncode == 0, promoted.stderr
    ledger = settle(alone)
    assert (ledger["balanced"], ledger["totals"]["accepted"], ledger["totals"]["silver"]) == (True, sent, sent)
    for dataset in (before, after):
        assert shown(alone, dataset.truth) == expected(dataset.truth)
    assert json.loads(alone.run("release", "list", "--format", "json").stdout)[0]["gold_version"] == int(number)
