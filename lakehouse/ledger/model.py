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


class Doubt(StrEnum):
    """Why an hour of an edge cannot be judged."""

    SILENT = "silent"
    """Its last ledger is older than the hour's end: it may have accepted more."""
    NO_LEDGER = "no_ledger"
    """Its events or watermarks are known, and it has never said how many events it accepted."""
    UNREADABLE = "unreadable"
    """A document of it on HDFS cannot be read."""
    UNSHIPPED = "unshipped"
    """Events of the hour are in no raw file, and the edge has not said that they are."""


@dataclass(frozen=True, order=True)
class Unproved:
    """An hour that cannot be judged, of one incarnation; ``detail`` is for people."""

    hour: int
    edge: str
    incarnation: str
    reason: Doubt
    detail: str

    @property
    def stream(self) -> Stream:
        return Stream(self.edge, self.incarnation)


@dataclass(frozen=True)
class Unread:
    """A document that cannot be read, and whose it is: None where its place does not say.

    ``hours`` (first, last) are those that a raw file's events may be of; a document without them tells of all that its
    edge has accepted. ``is_ledger``: an operator who retires the edge decides without it.
    """

    path: str
    edge: str | None = None
    incarnation: str | None = None
    hours: tuple[int, int] | None = None
    is_ledger: bool = False
    message: str = ""

    @property
    def says(self) -> str:
        return f"{self.path} cannot be read: {self.message}"

    def concerns(self, stream: Stream) -> bool:
        return self.edge in (None, stream.edge) and self.incarnation in (None, stream.incarnation)


@dataclass(frozen=True)
class Evidence:
    """Everything that the arithmetic needs.

    ``lost`` are positions that an operator has given up, ``raw_gaps`` those that no raw file holds because an edge's
    disk is gone or was full, and ``retired`` says of an incarnation whose disk is gone which sequence comes after all
    that it is known to have accepted. ``late``, ``rejected`` and ``unreadable`` (events of silver that a model could
    not read, and that count nothing) count by hour and are only shown.
    ``complete_through`` is the current release's, in microseconds; ``heard_since`` is the instant since which an edge
    must have said what it accepted, or else is silent (None: ``complete_through``). ``unread`` are the edges' documents
    that could not be read. Hours before ``proved_before`` have been proved already. ``marks`` are the watermarks of the
    incarnations that have not closed: all that was accepted before has arrived on Kafka.
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
    heard_since: int | None = None
    unread: tuple[Unread, ...] = ()
    proved_before: int = 0
    marks: Mapping[Stream, int] = field(default_factory=dict)

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
