"""What an operator has given up of an incarnation whose disk is gone, as a document beside its ledger on HDFS.

In: a :class:`Retirement`, published once and never changed. Out: the bookings that the ledger counts. Promise: what is
booked and arrives after all is not lost; the arithmetic sees it (``judge``). An incarnation that comes back after all,
and is lost again, has a second document.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from lakehouse import instants
from lakehouse.clients.files import Entry, Files, publish
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import Booked
from lakehouse.errors import AlreadyExistsError, RefusedError
from lakehouse.ledger.booking import count
from lakehouse.ledger.documents import Documents
from lakehouse.ledger.model import Run, Stream, Unread

_RETIREMENT = re.compile(r"(?P<incarnation>[^.]+)\.retired-(?P<number>\d+)\.json")


class Retirement(msgspec.Struct, frozen=True):
    """``accepted`` is the sequence after the last position that is known to have been accepted. ``lost`` are those that
    no stage has seen, ``raw_gaps`` those that Kafka or bronze has and no raw file. ``retired_at`` is the NameNode's."""

    edge: str
    incarnation: str
    accepted: int
    lost: list[Booked]
    raw_gaps: list[Booked]
    actor: str
    reason: str
    retired_at: int
    nonce: str
    operation: str | None = None

    @property
    def stream(self) -> Stream:
        return Stream(self.edge, self.incarnation)

    def document(self) -> dict[str, Any]:
        """What is booked, for programs."""
        return {
            "edge": self.edge,
            "incarnation": self.incarnation,
            "accepted": self.accepted,
            "lost": count(self.lost),
            "raw_gaps": count(self.raw_gaps),
            "retired_at": instants.to_text(instants.from_micros(self.retired_at)),
        }

    def runs(self, booked: Iterable[Booked]) -> Iterator[Run]:
        return runs_of(self.stream, booked)


def runs_of(stream: Stream, booked: Iterable[Booked]) -> Iterator[Run]:
    """As runs of no segment in particular: nobody has seen which one it was."""
    return (Run(*stream, one.first, one.last, one.hour) for one in booked)


def read_retirements(files: Files, layout: Layout, unread: list[Unread] | None = None) -> list[Retirement]:
    """All of them, oldest first within an incarnation; those that cannot be read are noted in ``unread``."""
    documents = Documents(files, unread)
    read = (
        documents.read(entry.path, Retirement, Unread(entry.path, edge.name, name["incarnation"]))
        for edge in files.list(layout.edges)
        for entry in sorted(documents.list(edge.path, Unread(edge.path, edge.name)), key=lambda entry: entry.name)
        if (name := _RETIREMENT.fullmatch(entry.name))
    )
    return [one for one in read if one is not None]


def retired_incarnations(folder: Iterable[Entry]) -> dict[str, int]:
    """The incarnations in an edge's folder that have been retired, and how often; no document is read."""
    found: dict[str, int] = {}
    for entry in folder:
        if name := _RETIREMENT.fullmatch(entry.name):
            found[name["incarnation"]] = max(int(name["number"]), found.get(name["incarnation"], 0))
    return found


def add_retirement(files: Files, layout: Layout, retirement: Retirement) -> None:
    """Raises :class:`RefusedError` if another operator was faster."""
    known = retired_incarnations(files.list(layout.edge_folder(retirement.edge)))
    number = known.get(retirement.incarnation, 0) + 1
    path = layout.retirement(retirement.edge, retirement.incarnation, number)
    try:
        publish(files, layout.staging, path, msgspec.json.encode(retirement))
    except AlreadyExistsError as error:
        raise RefusedError(f"{retirement.incarnation} has just been retired by somebody else") from error
