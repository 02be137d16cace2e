"""The edges' own counts, and the stage ``raw``: edge ledgers and the manifests of raw files on HDFS.

In: the folders ``edges`` and ``raw``. Out: ledgers, runs of the committed raw files, and holes between them that no
waiting can fill. A manifest that contradicts itself commits nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import PurePosixPath
from types import MappingProxyType

import msgspec

from lakehouse.clients.files import Entry, Files
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import EdgeLedger, RawManifest, incarnation_of
from lakehouse.errors import NotFoundError
from lakehouse.ledger.accepted import ledger_hours
from lakehouse.ledger.model import Run, Stream, hour_of, start_of

LONGEST_SEGMENT = 48
"""Hours from a segment's first event, which names its folder, to its last."""
_MANIFEST = ".manifest.json"
_LEDGER = re.compile(r"[^.]+\.json")
"""Other documents of an incarnation have one more dot in their names."""


def read_ledgers(files: Files, layout: Layout) -> Iterator[EdgeLedger]:
    """The newest ledger of every incarnation."""
    for edge in files.list(layout.edges):
        opened = open_ledgers(files.list(edge.path))  # first: an edge writes the closed one, and then deletes
        closed = files.list(layout.closed_ledgers(edge.name))
        for entry in closed:
            yield _ledger(files, entry.path)
        known = {entry.name for entry in closed}
        for entry in opened:
            if entry.name not in known:
                yield read_open_ledger(files, layout, entry)


def open_ledgers(folder: Iterable[Entry]) -> list[Entry]:
    """Of an edge's folder the ledgers that may still change; one that has just closed is there under both names."""
    return [entry for entry in folder if _LEDGER.fullmatch(entry.name)]


def read_open_ledger(files: Files, layout: Layout, entry: Entry) -> EdgeLedger:
    """Where it has closed since it was listed, as it closed."""
    try:
        return _ledger(files, entry.path)
    except NotFoundError:
        folder = PurePosixPath(entry.path).parent
        return _ledger(files, f"{layout.closed_ledgers(folder.name)}/{entry.name}")


def _ledger(files: Files, path: str) -> EdgeLedger:
    return msgspec.json.decode(files.read(path), type=EdgeLedger)


def first_day(hour: int) -> date:
    """The oldest day whose raw files may have events that were accepted in an hour."""
    return start_of(max(0, hour - LONGEST_SEGMENT)).date()


def read_manifests(files: Files, layout: Layout, since: date = date.min) -> Iterator[RawManifest]:
    """Every committed raw file; of those whose first event was accepted on that day or later."""
    for folder in files.list(layout.raw):
        if folder.name < since.isoformat():
            continue
        for entry in files.list(folder.path):
            if entry.name.endswith(_MANIFEST):
                yield msgspec.json.decode(files.read(entry.path), type=RawManifest)


def raw_runs(manifests: Iterable[RawManifest]) -> Iterator[Run]:
    """The positions of raw files, one run an hour and range."""
    for manifest in manifests:
        if not manifest.consistent:
            continue
        held = [(first, last + 1) for first, last in manifest.held]
        for hour, found in ledger_hours(manifest.hours, held).items():
            for start, end in found:
                yield Run(manifest.edge, manifest.segment, start, end - 1, hour)


def raw_holes(
    manifests: Iterable[RawManifest],
    ledgers: Iterable[EdgeLedger],
    reached: Mapping[Stream, int] = MappingProxyType({}),
) -> Iterator[Run]:
    """What is missing between two raw files or in one, where the later is older than what its edge says is shipped.
    ``reached`` is where an incarnation's manifests begin, if not at 0."""
    marks = {Stream(ledger.edge, ledger.incarnation): ledger.raw_mark for ledger in ledgers}
    streams: dict[Stream, list[RawManifest]] = {}
    for manifest in manifests:
        stream = Stream(manifest.edge, incarnation_of(manifest.segment))
        streams.setdefault(stream, []).append(manifest)
    for stream, found in streams.items():
        found.sort(key=lambda m: m.first)
        yield from _holes_of(stream, found, marks.get(stream, 0), reached.get(stream, 0))


def _holes_of(stream: Stream, manifests: Sequence[RawManifest], mark: int, reached: int) -> Iterator[Run]:
    for manifest in manifests:
        for first, last in manifest.held:
            if first > reached and manifest.first_accepted_at < mark:
                hour = hour_of(manifest.first_accepted_at)
                yield Run(stream.edge, stream.incarnation, reached, first - 1, hour)
            reached = max(reached, last + 1)
