"""The edges' own counts, and the stage ``raw``: edge ledgers and the manifests of raw files on HDFS.

In: the folders ``edges`` and ``raw``. Out: ledgers, runs of the committed raw files, and holes between them that no
waiting can fill. A manifest that contradicts itself commits nothing. What cannot be read costs its own edge alone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType

from lakehouse.clients.files import Entry, Files
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import CLOSED_MARK, EdgeLedger, RawManifest, incarnation_of
from lakehouse.errors import NotFoundError
from lakehouse.instants import to_micros
from lakehouse.ledger.accepted import ledger_hours
from lakehouse.ledger.documents import Documents
from lakehouse.ledger.model import Run, Stream, Unread, hour_of, start_of

LONGEST_SEGMENT = 48
"""Hours from a segment's first event, which names its folder, to its last."""
_MANIFEST = ".manifest.json"
_LEDGER = re.compile(r"[^.]+\.json")
"""Other documents of an incarnation have one more dot in their names."""


def read_ledgers(files: Files, layout: Layout, unread: list[Unread] | None = None) -> Iterator[EdgeLedger]:
    """The newest ledger of every incarnation; those that cannot be read are noted in ``unread``."""
    documents = Documents(files, unread)
    for edge in files.list(layout.edges):
        # The open ones first: an edge writes the closed one, and then deletes.
        opened = open_ledgers(documents.list(edge.path, Unread(edge.path, edge.name)))
        closed_folder = layout.closed_ledgers(edge.name)
        closed = {entry.name: entry for entry in documents.list(closed_folder, Unread(closed_folder, edge.name))}
        for entry in (*closed.values(), *(entry for entry in opened if entry.name not in closed)):
            ledger = read_ledger(documents, layout, edge.name, entry)
            if ledger is not None:
                yield ledger


def open_ledgers(folder: Iterable[Entry]) -> list[Entry]:
    """Of an edge's folder the ledgers that may still change; one that has just closed is there under both names."""
    return [entry for entry in folder if _LEDGER.fullmatch(entry.name)]


def read_ledger(documents: Documents, layout: Layout, edge: str, entry: Entry) -> EdgeLedger | None:
    """Where it has closed since it was listed, as it closed."""
    whose = Unread(entry.path, edge, entry.name.removesuffix(".json"), is_ledger=True)
    try:
        return documents.read(entry.path, EdgeLedger, whose)
    except NotFoundError:
        closed = f"{layout.closed_ledgers(edge)}/{entry.name}"
        try:
            return documents.read(closed, EdgeLedger, replace(whose, path=closed))
        except NotFoundError as error:
            documents.note(whose, error)
            return None


def first_day(hour: int) -> date:
    """The oldest day whose raw files may have events that were accepted in an hour."""
    return start_of(max(0, hour - LONGEST_SEGMENT)).date()


def read_manifests(
    files: Files, layout: Layout, since: date = date.min, unread: list[Unread] | None = None
) -> Iterator[RawManifest]:
    """Every committed raw file; of those whose first event was accepted on that day or later. Those that cannot be read
    are noted in ``unread``."""
    documents = Documents(files, unread)
    for folder in files.list(layout.raw):
        if folder.name < since.isoformat():
            continue
        hours = _hours_of(folder.name)
        for entry in documents.list(folder.path, Unread(folder.path, hours=hours)):
            if entry.name.endswith(_MANIFEST):
                whose = Unread(entry.path, incarnation=incarnation_of(entry.name.partition(".")[0]), hours=hours)
                manifest = documents.read(entry.path, RawManifest, whose)
                if manifest is not None:
                    yield manifest


def _hours_of(day: str) -> tuple[int, int]:
    """The hours in which the events of a day's raw files may have been accepted; all of them for a folder of another
    name."""
    try:
        first = hour_of(to_micros(datetime.fromisoformat(day).replace(tzinfo=UTC)))
    except ValueError:
        return 0, hour_of(CLOSED_MARK)
    return first, first + 23 + LONGEST_SEGMENT


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
