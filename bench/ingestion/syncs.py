"""What one sync costs, and how many requests share it.

In: the edge that answers after its own disk's sync, and the one that answers after Kafka. Out: a table of both, by the
number of clients that send one event a request, each as soon as it has its answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.ingestion.contenders import ACKS, DISK, Contender
from bench.ingestion.scenes import Stage
from bench.report import Table, shown

CLIENTS = (1, 16, 64)
ROUNDS = 3
LONGEST_TURN = 2.0
_SECONDS, _REQUESTS = "edge_sync_seconds", "edge_sync_requests"


@dataclass(frozen=True)
class Turn:
    """``syncs`` are those that requests waited for, ``sync_seconds`` all of them together."""

    rate: float
    millis: tuple[float, float]
    syncs: float
    synced: float
    sync_seconds: float

    @property
    def requests_a_sync(self) -> float:
        return self.synced / self.syncs if self.syncs else 0.0

    @property
    def sync_millis(self) -> float:
        return 1000 * self.sync_seconds / self.syncs if self.syncs else 0.0


Turns = dict[int, dict[str, list[Turn]]]
"""By clients, and by contender."""


def measure(stage: Stage, by_name: Mapping[str, Contender], rounds: int) -> Turns:
    found: Turns = {clients: {ACKS: [], DISK: []} for clients in CLIENTS}
    for _ in range(min(rounds, ROUNDS)):
        for clients, turns in found.items():
            for name, of in turns.items():
                of.append(_turn(stage, by_name[name], clients))
    return found


def _turn(stage: Stage, contender: Contender, clients: int) -> Turn:
    before = read(_metrics(contender))
    taken = stage.closed(contender, 1, clients, min(stage.seconds, LONGEST_TURN))
    after = read(_metrics(contender))
    assert taken.outcome is not None
    middle, p99, *_ = taken.outcome.millis or (float("inf"), float("inf"))
    return Turn(taken.rate, (middle, p99), *(now - then for now, then in zip(after, before, strict=True)))


def _metrics(contender: Contender) -> str:
    return httpx.get(f"http://{contender.address}/metrics", trust_env=False, timeout=30).raise_for_status().text


def read(metrics: str) -> tuple[float, float, float]:
    """Syncs, the requests that they have answered, and their seconds."""
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if not sample.labels
    }
    return values[f"{_SECONDS}_count"], values[f"{_REQUESTS}_sum"], values[f"{_SECONDS}_sum"]


def table(found: Turns) -> Table:
    """Medians of the rounds."""
    return Table(
        title="What one sync costs, and how many requests share it",
        columns=("clients", "of", "requests a second", "median ms", "p99 ms", "a sync, ms", "requests a sync"),
        rows=[_row(clients, name, turns) for clients, of in found.items() for name, turns in of.items()],
    )


def _row(clients: int, name: str, turns: list[Turn]) -> tuple[str, ...]:
    answered = [
        _middle(turn.rate for turn in turns),
        _middle(turn.millis[0] for turn in turns),
        _middle(turn.millis[1] for turn in turns),
    ]
    syncs = [_middle(turn.sync_millis for turn in turns), _middle(turn.requests_a_sync for turn in turns)]
    return (str(clients), name, *answered, *(syncs if any(turn.syncs for turn in turns) else ("-", "-")))


def _middle(samples: Iterable[float]) -> str:
    return shown(median(samples))
