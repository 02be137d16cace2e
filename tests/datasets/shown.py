"""What a running stack shows of a data set, read as a merchant's program would: over HTTP, with a token.

In: a stack and a truth. Out: the same cells as the insights API answers them, so that the two can be compared.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx

from lakehouse.simulate.cloudevents import CloudEvent
from lakehouse.simulate.dataset import Dataset, write_ndjson
from lakehouse.simulate.truth import Cell, Truth
from tests.support.embedded_stack import EmbeddedStack
from tests.support.insights_service import reader

METRICS = ("gross_sales", "orders")


def under_prefix(dataset: Dataset, prefix: str) -> Dataset:
    """The same events for merchants of other names: other identities, the same numbers."""

    def events() -> Iterator[tuple[str, CloudEvent]]:
        return ((prefix + merchant_id, event) for merchant_id, event in dataset.events())

    truth = {cell._replace(merchant_id=prefix + cell.merchant_id): sums for cell, sums in dataset.truth.items()}
    return Dataset(prefix + dataset.name, events, truth, dataset.excluded)


def expected(truth: Truth) -> dict[Cell, dict[str, int]]:
    """The cells that have money, with the metrics that are compared."""
    cells = {cell: {name: sums[name] for name in METRICS} for cell, sums in truth.items() if cell.currency}
    return {cell: sums for cell, sums in cells.items() if any(sums.values())}


def shown(stack: EmbeddedStack, truth: Truth) -> dict[Cell, dict[str, int]]:
    """What the API says of every merchant and currency of a truth, over the truth's months and one more at each end."""
    months = sorted(cell.month for cell in truth)
    span = {"from": f"{_move(months[0], -1)}-01", "to": f"{_move(months[-1], 2)}-01"}
    found: dict[Cell, dict[str, int]] = {}
    with reader(stack.settings) as client:
        for merchant_id, cells in groupby(sorted(truth), key=lambda cell: cell.merchant_id):
            for currency in sorted({cell.currency for cell in cells if cell.currency}):
                found |= _read(client, merchant_id, currency, span)
    return found


def send(stack: EmbeddedStack, dataset: Dataset, folder: Path) -> dict[str, int]:
    """Sends a data set through the edge with the operator's command; all of it must be accepted."""
    file = folder / f"{dataset.name}.ndjson"
    count = write_ndjson(dataset, file)
    done = stack.run("replay", str(file), "--format", "json")
    assert done.returncode == 0, done.stderr
    summary: dict[str, int] = json.loads(done.stdout)
    assert (summary["accepted"], summary["rejected"]) == (count, 0)
    return summary


def settle(stack: EmbeddedStack, seconds: float = 900) -> dict[str, Any]:
    """Waits until everything that was accepted is counted, and shown by the API; returns the balanced ledger."""
    done = stack.run("reconcile", "--wait", "--timeout", str(seconds), "--format", "json", timeout=seconds + 120)
    ledger: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout[-3000:]}"
    _await_release(stack, ledger["release"] or 0)
    return ledger


def _await_release(stack: EmbeddedStack, release: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while (_status(stack).get("current_release") or 0) < release:
        assert time.monotonic() < deadline, f"the API does not show release {release}"
        time.sleep(0.2)


def _status(stack: EmbeddedStack) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = httpx.get(f"{stack.settings.insights_url}/v1/status", trust_env=False).json()
    except httpx.TransportError:
        return {}
    return answer


def _read(client: httpx.Client, merchant_id: str, currency: str, span: dict[str, str]) -> dict[Cell, dict[str, int]]:
    wanted = {"metrics": ",".join(METRICS), "grain": "month", "currency": currency, **span}
    response = client.get(f"/v1/merchants/{merchant_id}/metrics", params=wanted)
    assert response.status_code == 200, response.text
    answer = response.json()
    cells: dict[Cell, Counter[str]] = {}
    for series in answer["series"]:
        for start, value in zip(answer["starts"], series["values"], strict=True):
            if value:
                cells.setdefault(Cell(merchant_id, start[:7], currency), Counter())[series["metric"]] = value
    return {cell: {name: sums[name] for name in METRICS} for cell, sums in cells.items()}


def _move(month: str, by: int) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
