"""The load on the insights API, as a process beside us: starts it, stops it, says what it saw.

In: a stack, its merchants, a rate. Out: :class:`Outcome`. Each merchant reads only its own numbers, with its own token.
"""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from bench.load import Outcome, Plan
from lakehouse.settings import Settings
from lakehouse.tokens import Scope
from lakehouse.tokens.issue import issue

_ROOT = Path(__file__).parents[1]
_DIFFERENT_REQUESTS = 2_000
_GRAINS = (("hour", 2), ("hour", 7), ("day", 28), ("week", 56))


class Readers:
    """Merchants who look at their metrics, from construction to :meth:`stop`."""

    def __init__(self, settings: Settings, merchants: Sequence[str], end: datetime, rate: float) -> None:
        plan = Plan(settings.host, settings.ports.insights, rate, _requests(settings, merchants, end))
        self._process = subprocess.Popen(
            [*_pinned(), sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT
        )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(plan) + b"\n")
        self._process.stdin.flush()

    def stop(self) -> Outcome:
        answer, _ = self._process.communicate()
        return msgspec.json.decode(answer, type=Outcome)


def _requests(settings: Settings, merchants: Sequence[str], end: datetime) -> list[tuple[str, str]]:
    chance = random.Random(0)
    chosen = chance.sample(list(merchants), min(len(merchants), 500))
    tokens = {merchant: issue(settings, merchant, [Scope.INSIGHTS_READ], timedelta(days=1)) for merchant in chosen}
    found = []
    for _ in range(_DIFFERENT_REQUESTS):
        merchant, (grain, days) = chance.choice(chosen), chance.choice(_GRAINS)
        last = (end - timedelta(days=chance.randrange(7))).date()
        query = f"metrics=gross_sales,orders,page_views&grain={grain}&from={last - timedelta(days=days)}&to={last}"
        found.append((f"/v1/merchants/{merchant}/metrics?{query}", tokens[merchant]))
    return found


def _pinned() -> list[str]:
    """To one core, so that the load is the same whatever the servers do."""
    return ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
