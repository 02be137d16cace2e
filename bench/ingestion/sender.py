"""Runs the load generator (``peers/sender``) beside the brokers, never on the contender's core.

In: where to, what, how fast. Out: an :class:`Outcome`.
"""

import subprocess
from pathlib import Path

import msgspec

from lakehouse.errors import LakehouseError


class Plan(msgspec.Struct, frozen=True):
    """``rate`` is requests a second; 0 is a closed loop: each connection sends as soon as it has its answer."""

    address: str
    requests: str
    connections: int
    seconds: float
    rate: float = 0
    path: str = "/v1/events"


class Outcome(msgspec.Struct, frozen=True):
    """``statuses`` also names what was no answer. ``millis`` are waits for a 202: median, p99, p99.9, most."""

    seconds: float
    due: int
    unsent: int
    statuses: dict[str, int]
    events: int
    disk: int
    retry: int
    millis: list[float] | None

    @property
    def p99(self) -> float:
        return self.millis[1] if self.millis else float("inf")

    @property
    def refused(self) -> int:
        return self.statuses.get("429", 0) + self.statuses.get("503", 0)

    @property
    def broken(self) -> dict[str, int]:
        """What was neither taken nor refused as contract 1 allows."""
        return {name: count for name, count in self.statuses.items() if name not in ("202", "429", "503")}


def send(program: Path, cores: str, plan: Plan) -> Outcome:
    done = subprocess.run(["taskset", "-c", cores, str(program)], input=msgspec.json.encode(plan), capture_output=True)
    if done.returncode:
        raise LakehouseError(f"the load generator failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return msgspec.json.decode(done.stdout, type=Outcome)
