"""A stack with a history, what its merchants did, and what its operator does to it."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from lakehouse.clients.trino import Trino
from lakehouse.simulate.dataset import Dataset, simulated, write_ndjson
from lakehouse.simulate.truth import total
from tests.datasets.shown import under_prefix
from tests.support.embedded_stack import EmbeddedStack
from tests.support.insights_service import reader

SEED = 20261124
T = TypeVar("T")
Money = dict[tuple[str, str], int]
"""Minor units by merchant and currency."""


class Story:
    """The stack, what its merchants did, and what its operator does."""

    def __init__(self, stack: EmbeddedStack, history: Dataset, folder: Path) -> None:
        self.stack = stack
        self.history = history
        self.folder = folder
        self.chance = random.Random(SEED)
        self.api = reader(stack.settings)

    @property
    def returns(self) -> Money:
        """What the shops took back, by their own books."""
        return {key: sums["returns"] for key, sums in total(self.history.truth).items() if sums["returns"]}

    def shown(self, **known: str) -> dict[str, bytes]:
        """The body of every merchant's returns by day, as the API answers it."""
        merchants = sorted({cell.merchant_id for cell in self.history.truth})
        return {merchant: self._body(merchant, known) for merchant in merchants}

    def _body(self, merchant: str, known: dict[str, str]) -> bytes:
        months = sorted(cell.month for cell in self.history.truth)
        span = {"from": f"{months[0]}-01", "to": (datetime.now(UTC) + timedelta(days=1)).date().isoformat()}
        wanted = {"metrics": "returns", "grain": "day", **span, **known}
        answer = self.api.get(f"/v1/merchants/{merchant}/metrics", params=wanted)
        assert answer.status_code == 200, answer.text
        return answer.content

    def returns_shown(self, **known: str) -> Money:
        found: Money = {}
        for merchant, body in self.shown(**known).items():
            for series in json.loads(body)["series"]:
                found[merchant, series["currency"]] = sum(value or 0 for value in series["values"])
        return {key: value for key, value in found.items() if value}

    def returns_in_sql(self) -> Money:
        rows = Trino.of(self.stack.settings, read_only=True).query(
            "SELECT merchant_id, currency, sum(returns) AS n FROM lake.gold.merchant_sales "
            "WHERE merchant_id LIKE 'story-%' GROUP BY 1, 2"
        )
        return {(row["merchant_id"], row["currency"]): int(row["n"]) for row in rows if row["n"]}

    def run(self, *arguments: str, timeout: float = 900) -> str:
        """A verb that must succeed; what it printed."""
        done = self.stack.run(*arguments, timeout=timeout)
        assert done.returncode == 0, f"{arguments}: {done.stderr}\n{self.stack.log_tails()}"
        return done.stdout

    def run_and_kill(self, seconds: float, *arguments: str) -> None:
        """A verb that is killed after so many seconds, if it has not ended by then."""
        process = subprocess.Popen(
            [str(self.stack.lakehouse), *arguments],
            env=self.stack.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def await_release_of(self, gold_version: int, seconds: float = 30) -> dict[str, Any]:
        """Until the API shows that version; its status then."""
        deadline = time.monotonic() + seconds
        while (status := self.api.get("/v1/status").json())["gold_version"] != gold_version:
            assert time.monotonic() < deadline, status
            time.sleep(0.1)
        return dict(status)


@contextmanager
def events_keep_arriving(story: Story, prefix: str = "tail-") -> Iterator[None]:
    """Other merchants go on sending, at a modest rate, until the block ends."""
    now = datetime.now(UTC)
    tail = under_prefix(
        simulated(seed=SEED + 1, merchants=4, start=now - timedelta(days=3), end=now, visits_per_day=1500.0), prefix
    )
    file = story.folder / f"{prefix}.ndjson"
    write_ndjson(tail, file)
    command = [str(story.stack.lakehouse), "replay", str(file), "--rate", "20", "--batch", "20"]
    process = subprocess.Popen(
        command,
        env=story.stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        assert process.poll() is None, "the sending ended before the story did"
    finally:
        process.kill()
        process.wait()


def await_some(story: Story, look: Callable[[], T | None], seconds: float = 180) -> T:
    """What it finds at last."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, story.stack.log_tails()
        time.sleep(0.5)
    return found
