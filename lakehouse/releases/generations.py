"""Bronze generations: which there are, which of them Kafka feeds, and how a new one is made from the raw files.

In: the documents beside the bronze tables. Out: numbers. The first generation is fed from the beginning; every other
once its raw build has published ``streamed.json``; each until it is retired. Documents are written once, so the
same question gets the same answer.
"""

from dataclasses import dataclass

import msgspec

from lakehouse import instants
from lakehouse.clients import delta_log
from lakehouse.clients.files import Files, publish
from lakehouse.contracts.commit_info import SegmentRanges, SequenceRanges
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, NotFoundError
from lakehouse.releases.documents import Document, decode
from lakehouse.releases.model import BronzeCursor, new_nonce

FIRST_GENERATION = GenerationNumber(1)


class Planned(msgspec.Struct, frozen=True):
    """Somebody has taken this number for a generation made from raw files."""

    generation: GenerationNumber
    at: int
    nonce: str


class Streamed(msgspec.Struct, frozen=True):
    """A raw build has ended. Bronze up to ``delta_version`` holds ``rows`` rows, the raw files of all ``segments`` with
    their ``sequences``, and the watermarks before the Kafka offsets from which the generation is fed from now on.

    Without ``sequences``, an edition up to 0.1.0 has made it, or begun to."""

    generation: GenerationNumber
    delta_version: int
    rows: int
    segments: SegmentRanges
    at: int
    nonce: str
    sequences: SequenceRanges = {}

    @property
    def cursor(self) -> BronzeCursor:
        """What a candidate's slices read; what Kafka brings afterwards, cycles catch up."""
        return BronzeCursor(self.generation, self.delta_version)


class Retired(msgspec.Struct, frozen=True):
    """The generation is no longer fed."""

    generation: GenerationNumber
    actor: str
    reason: str | None
    at: int
    nonce: str


@dataclass(frozen=True)
class Progress:
    """What is in so far: raw files and their rows."""

    segments: int
    rows: int


def numbers(files: Files, layout: Layout) -> list[GenerationNumber]:
    """All generations that anybody has begun."""
    names = (entry.name for entry in files.list(layout.bronze_generations))
    return sorted(GenerationNumber(int(name[1:])) for name in names if name[:1] == "g" and name[1:].isdigit())


def unused_generation(files: Files, layout: Layout) -> GenerationNumber:
    """The number that :func:`next_generation` would take."""
    return GenerationNumber(max(numbers(files, layout), default=FIRST_GENERATION) + 1)


def next_generation(files: Files, layout: Layout) -> GenerationNumber:
    """A number that nobody has, taken for the caller. Costs nothing if it is never built."""
    while True:
        number = unused_generation(files, layout)
        planned = Planned(number, instants.now_micros(), new_nonce())
        try:
            publish(files, layout.staging, layout.bronze_planned(number), msgspec.json.encode(planned))
        except AlreadyExistsError:
            continue
        return number


def streamed(files: Files, layout: Layout, generation: GenerationNumber) -> Streamed | None:
    """What the raw build said when it ended; None for the first generation, and while it goes on."""
    return _read(files, layout.bronze_streamed(generation), Streamed)


def is_complete(files: Files, layout: Layout, generation: GenerationNumber) -> bool:
    """Whether all history is in, so that a candidate can be built from it."""
    return generation == FIRST_GENERATION or streamed(files, layout, generation) is not None


def retire(files: Files, layout: Layout, generation: GenerationNumber, actor: str, reason: str | None = None) -> None:
    """Ends the feeding of a generation, within seconds and for good. Safe to repeat.

    Only for a generation that no gold version is brought up to date from: what it lacks from now on is never filled.
    """
    document = Retired(generation, actor, reason, instants.now_micros(), new_nonce())
    try:
        publish(files, layout.staging, layout.bronze_retired(generation), msgspec.json.encode(document))
    except AlreadyExistsError:
        return


def retirement(files: Files, layout: Layout, generation: GenerationNumber) -> Retired | None:
    return _read(files, layout.bronze_retired(generation), Retired)


def complete(files: Files, layout: Layout) -> list[GenerationNumber]:
    """The generations that hold all history."""
    known = {FIRST_GENERATION, *numbers(files, layout)}
    return [number for number in sorted(known) if is_complete(files, layout, number)]


def active(files: Files, layout: Layout) -> list[GenerationNumber]:
    """The generations that Kafka feeds."""
    return [number for number in complete(files, layout) if retirement(files, layout, number) is None]


def progress(files: Files, layout: Layout, generation: GenerationNumber) -> Progress:
    """How far a raw build is, from its commits: also of one that runs elsewhere, or was killed."""
    segments = rows = 0
    for commit in delta_log.commits_since(files, layout.bronze(generation), -1):
        said = delta_log.bronze_commit(commit)
        if said is not None and said.segments:
            rows += said.rows
            segments += sum(last - first + 1 for ranges in said.segments.values() for first, last in ranges)
    return Progress(segments, rows)


def _read(files: Files, path: str, kind: type[Document]) -> Document | None:
    try:
        return decode(files.read(path), kind)
    except NotFoundError:
        return None
