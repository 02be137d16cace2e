"""One round: shops send, the edges accept, bronze gets it in two commits and in another order, a cycle follows each.

In: a seed and how many events are sent. Out: what the edges have accepted. Some lines come late, so that a later cycle
has to displace what an earlier one has counted; and some are delivered twice.
"""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent
from tests.fuzz.edge import Edge
from tests.fuzz.line import rows_of
from tests.fuzz.requests import requests
from tests.support.bronze_rows import Row

REPEATED = 10
"""One line of so many is delivered again."""


@dataclass(frozen=True)
class Round:
    """``deliveries`` are lines, one list for each bronze commit."""

    seed: int
    deliveries: tuple[list[bytes], list[bytes]]
    refused: Counter[str]

    @property
    def lines(self) -> list[bytes]:
        return [line for delivery in self.deliveries for line in delivery]

    @property
    def rows(self) -> list[Row]:
        """In the order of delivery, repeated where a line was."""
        return rows_of(self.lines)

    @property
    def merchants(self) -> list[str]:
        return sorted({row.merchant_id for row in self.rows})

    @property
    def accepted(self) -> dict[tuple[str, str, int], AcceptedEvent]:
        """By position."""
        batches = [msgspec.json.decode(line, type=AcceptedBatch) for line in self.lines]
        return {
            (batch.edge, batch.segment, batch.first + index): event
            for batch in batches
            for index, event in enumerate(batch.events)
        }


def play(seed: int, events: int, folder: Path) -> Round:
    chance = random.Random(seed)
    edges = [Edge(folder / str(seed), f"edge-{number}", f"{chance.getrandbits(64):016x}") for number in (1, 2)]
    sent = list(requests(seed, events))
    lines = edges[0].take(sent[::2]) + edges[1].take(sent[1::2])
    chance.shuffle(lines)
    half = len(lines) // 2
    again = chance.sample(lines[:half], max(1, half // REPEATED))
    return Round(seed, (lines[:half], [*lines[half:], *again]), edges[0].refused + edges[1].refused)
