"""What the edge writes: to its segment log, to Kafka and, as raw files, to HDFS. The bytes are the same in all three.

A segment file is a sequence of lines, each the JSON of one :class:`AcceptedBatch`. A Kafka record's value on the
events topic is a *frame*: one or more of these same lines, whole, of one incarnation and in order, with a newline
between them (so a frame of one line is that line); or it is a :class:`Watermark`. A reader splits the value at its
newlines, and judges each line by itself. Instants are microseconds since 1970 (UTC).

**Positions.** One run of an edge process is an *incarnation* (16 random hex digits). It writes segments one after the
other, named ``<incarnation>-<number>``, so a segment id is random and never used again. The sequence counts events
from 0 in each incarnation and runs on through its segments without a gap: a missing segment shows as a hole between
the ``last`` of one manifest and the ``first`` of the next. The position of an event is (edge, segment, sequence).
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

import msgspec

FRAME_BYTES = 2 << 20
"""What a frame holds at most, unless its only line is longer."""
_NEWLINE = b"\n"


def frame_of(lines: Sequence[bytes]) -> bytes:
    """The value of one record that holds these lines. JSON has no newline in itself."""
    return _NEWLINE.join(lines)


def lines_of(value: bytes) -> list[bytes]:
    """The lines of a record's value."""
    return value.split(_NEWLINE)


class AcceptedEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One accepted event. ``data`` is the edge's own compact JSON, kept as a string so that nothing rewrites it."""

    id: str
    source: str
    type: str
    time: int
    data: str
    subject: str | None = None
    dataschema: str | None = None
    extensions: dict[str, str | int | bool] | None = None
    replay_of: str | None = None
    """What this event replays: a position, as ``edge/segment/sequence``, or the name of an entry in quarantine."""


class AcceptedBatch(msgspec.Struct, frozen=True, tag="batch", tag_field="kind"):
    """The accepted events of one request. Event ``i`` has the sequence ``first + i``."""

    edge: str
    segment: str
    first: int
    accepted_at: int
    merchant_id: str
    events: list[AcceptedEvent]


CLOSED_MARK = 253_402_300_799_999_999
"""The watermark of an incarnation that has ended and whose batches have all been delivered: it holds nothing back."""


class Watermark(msgspec.Struct, frozen=True, tag="low_mark", tag_field="kind"):
    """A promise on one partition: every batch of this incarnation accepted before ``mark`` is already on it.

    ``partition`` is the partition that the record was sent to: a watermark covers its own partition only. On Kafka the
    record keeps its older spelling, ``"kind": "low_mark"``, and so do the fields ``mark``, ``marks`` and
    ``marks_closed`` in bronze's commits, in snapshots and on the edge's disk.
    """

    edge: str
    incarnation: str
    partition: int
    mark: int


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True, tag="rejected", tag_field="kind"):
    """What the edge rejected. ``body`` is what was sent, base64 of at most the body limit."""

    edge: str
    rejected_at: int
    merchant_id: str
    reason: str
    detail: str
    body: bytes
    id: str | None = None


class RawEncoding(StrEnum):
    """How a raw file holds its lines."""

    IDENTITY = "identity"
    """As they are. What editions up to 0.1.0 have shipped."""
    ZSTD = "zstd"
    """All of them in one zstd frame."""


class RawManifest(msgspec.Struct, frozen=True):
    """Commits one raw file: a segment without its manifest does not exist.

    ``last`` is included; ``hours`` counts events by acceptance hour (``2026-11-23T10``); ``checksum`` is the SHA-256
    of the file's ``bytes``, and ``encoding`` how these hold the lines of the segment log. ``ranges`` are the sequences
    that the file holds, both ends included: more than one only where the edge's disk has lost lines in between. Without
    it they run from ``first`` to ``last``. One ``from_bronze`` fills a gap: the segment may have other raw files.
    """

    edge: str
    segment: str
    first: int
    last: int
    count: int
    bytes: int
    checksum: str
    hours: dict[str, int]
    first_accepted_at: int
    last_accepted_at: int
    encoding: str = RawEncoding.IDENTITY
    ranges: list[tuple[int, int]] = []
    from_bronze: bool = False

    @property
    def held(self) -> list[tuple[int, int]]:
        """The sequences of the file, both ends included."""
        return self.ranges or [(self.first, self.last)]

    @property
    def consistent(self) -> bool:
        """Whether its counts agree. What contradicts itself commits nothing."""
        held = self.held
        apart = all(before[1] < after[0] for before, after in pairwise(held))
        counted = sum(last - first + 1 for first, last in held)
        ends = (held[0][0], held[-1][1]) == (self.first, self.last)
        return apart and ends and self.count == counted == sum(self.hours.values())


class Booked(msgspec.Struct, frozen=True, array_like=True):
    """Positions ``first`` to ``last`` (included), accepted in ``hour`` (hours since 1970)."""

    hour: int
    first: int
    last: int

    @property
    def span(self) -> tuple[int, int]:
        """Half-open."""
        return self.first, self.last + 1


class RawGaps(msgspec.Struct, frozen=True):
    """What an incarnation has given to Kafka and deleted without a raw file, because HDFS was away and its disk full.

    Beside its ledgers, replaced as the gaps grow, and published before a ledger takes them for shipped.
    """

    edge: str
    incarnation: str
    gaps: list[Booked]


class EdgeLedger(msgspec.Struct, frozen=True):
    """What one incarnation states that it has accepted: the left-most column of ``reconcile``.

    ``next`` is the sequence that comes next (so ``next`` events were accepted); ``hours`` counts them by acceptance
    hour; all of the incarnation's events accepted before ``raw_mark`` are in committed raw files or named as
    :class:`RawGaps`; ``closed`` says that the process has ended and that this is true of its whole log. ``delivered``
    and ``shipped`` count the events that Kafka has acknowledged and those in raw files or gaps; ``watermark`` is the
    newest that Kafka has acknowledged, 0 for none; ``ended`` says that nothing more will be accepted. These four only
    tell an operator how far an edge is.
    """

    edge: str
    incarnation: str
    next: int
    hours: dict[str, int]
    raw_mark: int
    at: int
    closed: bool = False
    delivered: int = 0
    shipped: int = 0
    watermark: int = 0
    ended: bool = False

    @property
    def owes_nothing(self) -> bool:
        """Whether this ledger is the incarnation's last. Those of version 0.1.0 do not say what is delivered."""
        return self.closed and (self.delivered >= self.next or not self.ended)


def incarnation_of(segment: str) -> str:
    """The incarnation that wrote a segment."""
    return segment.partition("-")[0]
