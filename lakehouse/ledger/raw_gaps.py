"""Which positions are known to be in no raw file: what edges had to delete, and what went with a lost disk.

In: documents beside the edges' ledgers. Out: the gaps that nobody has filled yet, by incarnation and hour. Promise:
what it costs follows the gaps: no ledger of an incarnation that has closed is read, and no manifest.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from lakehouse.clients.files import Files, publish
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import Booked, RawGaps
from lakehouse.errors import AlreadyExistsError
from lakehouse.ledger import spans
from lakehouse.ledger.accepted import by_stream
from lakehouse.ledger.documents import Documents
from lakehouse.ledger.model import Run, Stream, Unread
from lakehouse.ledger.read_edges import first_day, raw_runs, read_manifests
from lakehouse.ledger.retirement import Retirement, read_retirements, runs_of
from lakehouse.ledger.spans import Spans

FILL_BY = "`lakehouse bronze-to-raw` writes them from bronze"
_GAPS = re.compile(r"[^.]+\.raw-gaps\.json")
_FILLED = re.compile(r"(?P<incarnation>[^.]+)\.filled-(?P<number>\d+)\.json")
Gaps = dict[Stream, list[Booked]]


class Filled(msgspec.Struct, frozen=True):
    """Half-open spans of an incarnation's sequences that have become raw files. ``at`` is the verb's clock."""

    edge: str
    incarnation: str
    spans: list[tuple[int, int]]
    at: int


def unfilled(
    files: Files,
    layout: Layout,
    retirements: Iterable[Retirement] | None = None,
    unread: list[Unread] | None = None,
) -> Gaps:
    """The gaps by incarnation, in order and without overlap; ``retirements`` if they have been read. Documents that
    cannot be read are noted in ``unread``."""
    documents = Documents(files, unread)
    booked: dict[Stream, list[Booked]] = defaultdict(list)
    for one in read_retirements(files, layout) if retirements is None else retirements:
        booked[one.stream] += one.raw_gaps
    filled: dict[Stream, Spans] = defaultdict(list)
    for edge in files.list(layout.edges):
        for entry in documents.list(edge.path, Unread(edge.path, edge.name)):
            whose = Unread(entry.path, edge.name, entry.name.partition(".")[0])
            if _GAPS.fullmatch(entry.name):
                if named := documents.read(entry.path, RawGaps, whose):
                    booked[Stream(named.edge, named.incarnation)] += named.gaps
            elif _FILLED.fullmatch(entry.name) and (done := documents.read(entry.path, Filled, whose)):
                filled[Stream(done.edge, done.incarnation)] += done.spans
    left = {stream: without(found, spans.merge(filled[stream])) for stream, found in sorted(booked.items())}
    return {stream: found for stream, found in left.items() if found}


def without(booked: Iterable[Booked], held: Spans) -> list[Booked]:
    """What is left of gaps where ``held`` (merged) is there, each position once."""
    by_hour: dict[int, Spans] = defaultdict(list)
    for one in booked:
        by_hour[one.hour].append(one.span)
    rest = {hour: spans.subtract(spans.merge(found), held) for hour, found in sorted(by_hour.items())}
    return [Booked(hour, start, end - 1) for hour, found in rest.items() for start, end in found]


def less(gaps: Mapping[Stream, Iterable[Booked]], runs: Iterable[Run]) -> Gaps:
    """What is left of gaps where a stage has these runs."""
    held = by_stream(runs)
    left = {
        stream: without(booked, spans.merge(run.span for run in held.get(stream, ())))
        for stream, booked in gaps.items()
    }
    return {stream: booked for stream, booked in left.items() if booked}


def not_in_raw(files: Files, layout: Layout, gaps: Gaps) -> Gaps:
    """What is left of gaps where raw files have some, by the manifests of the gaps' days and later ones."""
    return less(gaps, raw_runs(read_manifests(files, layout, first_day(first_hour(gaps))))) if gaps else gaps


def first_hour(gaps: Gaps) -> int:
    """The hour of the oldest."""
    return min(one.hour for booked in gaps.values() for one in booked)


def gap_runs(gaps: Mapping[Stream, Iterable[Booked]]) -> Iterator[Run]:
    return (run for stream, booked in gaps.items() for run in runs_of(stream, booked))


def size(gaps: Mapping[Stream, Iterable[Booked]]) -> int:
    """How many positions."""
    return sum(one.last - one.first + 1 for booked in gaps.values() for one in booked)


def add_filled(files: Files, layout: Layout, filled: Filled) -> None:
    """Notes what has become raw files. Safe to repeat, and for two at once: what is noted twice is filled."""
    taken = [_FILLED.fullmatch(entry.name) for entry in files.list(layout.edge_folder(filled.edge))]
    number = max((int(one["number"]) for one in taken if one and one["incarnation"] == filled.incarnation), default=0)
    while True:
        number += 1
        try:
            path = layout.filled_gaps(filled.edge, filled.incarnation, number)
            publish(files, layout.staging, path, msgspec.json.encode(filled))
            return
        except AlreadyExistsError:
            continue
