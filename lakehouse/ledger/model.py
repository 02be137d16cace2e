"""What is known of every position: where it was accepted, and at which stages it has been seen.

A position is (edge, segment, sequence); the sequence runs on through the segments of an incarnation, so an incarnation
is one line of numbers, and a stage holds parts of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from lakehouse import instants
from lakehouse.contracts.records import EdgeLedger, incarnation_of
from lakehouse.ledger.spans import Span

MICROSECONDS_PER_HOUR = 3_600_000_000


class Stage(StrEnum):
    """Where a position is seen. The last three are parts of one: a consumed position is in exactly one of them."""

    KAFKA = "kafka"
    RAW = "raw"
    BRONZE = "bronze"
    SILVER = "silver"
    DUPLICATES = "duplicates"
    QUARANTINED = "quarantined"


COUNTED = (Stage.SILVER, Stage.DUPLICATES, Stage.QUARANTINED)


class Stream(NamedTuple):
    """One incarnation of an edge."""

    edge: str
    incarnation: str


class Run(NamedTuple):
    """Consecutive positions of one segment that were accepted in one hour; ``last`` is included.

    ``hour`` counts hours since 1970. A position that a stage holds twice is in two runs.
    """

    edge: str
    segment: str
    first: int
    last: int
    hour: int

    @property
    def stream(self) -> Stream:
        return Stream(self.edge, incarnation_of(self.segment))

    @property
    def span(self) -> Span:
        return self.first, self.last + 1


@dataclass(frozen=True, order=True)
class Discrepancy:
    """Positions that are missing at a stage, or held twice by what counts them."""

    hour: int
    edge: str
    segment: str
    first: int
    last: int
    stage: str


@dataclass(frozen=True)
class Evidence:
    """Everything that the arithmetic needs.

    ``lost`` are positions that an operator has given up, ``raw_gaps`` those that no raw file holds because an edge's
    disk is gone or was full, and ``retired`` says of an incarnation whose disk is gone which sequence comes after all
    that it is known to have accepted. ``late``, ``rejected`` and ``unreadable`` (events of silver that a model could
    not read, and that count nothing) count by hour and are only shown.
    ``complete_through`` is the current release's, in microseconds.
    """

    ledgers: tuple[EdgeLedger, ...] = ()
    stages: Mapping[Stage, tuple[Run, ...]] = field(default_factory=dict)
    lost: tuple[Run, ...] = ()
    raw_gaps: tuple[Run, ...] = ()
    retired: Mapping[Stream, int] = field(default_factory=dict)
    raw_holes: tuple[Run, ...] = ()
    late: Counter[int] = field(default_factory=Counter)
    rejected: Counter[int] = field(default_factory=Counter)
    unreadable: Counter[int] = field(default_factory=Counter)
    complete_through: int | None = None

    def runs(self, *stages: Stage) -> Iterable[Run]:
        return (run for stage in stages for run in self.stages.get(stage, ()))


def hour_of(instant: int) -> int:
    """The hour of an instant in microseconds."""
    return instant // MICROSECONDS_PER_HOUR


def start_of(hour: int) -> datetime:
    return instants.from_micros(hour * MICROSECONDS_PER_HOUR)


def parse_hour(text: str) -> int:
    """``2026-11-23T10``, as manifests and edge ledgers write it."""
    return instants.parse_hour(text) // MICROSECONDS_PER_HOUR


def show_hour(hour: int) -> str:
    """``2026-11-23T10:00:00Z``."""
    return instants.to_text(start_of(hour))
