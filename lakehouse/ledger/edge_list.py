"""Which edges there are, and how far each is, as their own ledgers say.

In: the folder ``edges`` on HDFS. Out: each incarnation with its state. Promise: what it costs follows the edges that
still owe something; the ledgers of those that have closed lie apart and are read only where they are asked for. One
that cannot be read is listed, and hides no other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lakehouse import instants
from lakehouse.clients.files import Entry, Files
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import CLOSED_MARK, EdgeLedger
from lakehouse.ledger.documents import Documents
from lakehouse.ledger.model import Unread
from lakehouse.ledger.read_edges import open_ledgers, read_ledger
from lakehouse.ledger.retirement import retired_incarnations


class EdgeState(StrEnum):
    """``draining``: it accepts nothing more and delivers. ``silent``: its ledger has not been renewed for long."""

    LIVE = "live"
    DRAINING = "draining"
    SILENT = "silent"
    CLOSED = "closed"
    RETIRED = "retired"


@dataclass(frozen=True)
class ListedEdge:
    """One incarnation. ``heard_at`` is the NameNode's stamp of its newest ledger; with a ``problem`` that cannot be
    read, and its numbers are not known."""

    ledger: EdgeLedger
    state: EdgeState
    heard_at: datetime
    problem: str | None = None

    @property
    def name(self) -> str:
        return f"{self.ledger.edge}/{self.ledger.incarnation}"

    @property
    def undelivered(self) -> int:
        return 0 if self.ledger.owes_nothing else self.ledger.next - self.ledger.delivered

    @property
    def unshipped(self) -> int:
        return 0 if self.ledger.closed else self.ledger.next - self.ledger.shipped

    def document(self) -> dict[str, Any]:
        """As contract 3 has it; without a watermark where none has been acknowledged or it has closed."""
        mark = self.ledger.watermark
        counts = {"accepted": self.ledger.next, "undelivered": self.undelivered, "unshipped": self.unshipped}
        return {
            "edge": self.ledger.edge,
            "incarnation": self.ledger.incarnation,
            "state": str(self.state),
            "watermark": instants.to_text(instants.from_micros(mark)) if 0 < mark < CLOSED_MARK else None,
            **(dict.fromkeys(counts) if self.problem else counts),
            "heard_at": instants.to_text(self.heard_at),
        } | ({"problem": self.problem} if self.problem else {})


def list_edges(
    files: Files, layout: Layout, now: datetime, silent_after: timedelta, *, closed: bool = False
) -> list[ListedEdge]:
    """By name, then by when they were heard. With ``closed`` also those that owe nothing any more."""
    found = [
        one for edge in files.list(layout.edges) for one in _of_edge(files, layout, edge, now - silent_after, closed)
    ]
    return sorted(found, key=lambda one: (one.ledger.edge, one.heard_at, one.ledger.incarnation))


def state_of(ledger: EdgeLedger, heard_at: datetime, silent_since: datetime, is_retired: bool) -> EdgeState:
    """One that is retired and speaks again is what it says that it is."""
    if ledger.owes_nothing:
        return EdgeState.CLOSED
    if heard_at >= silent_since:
        return EdgeState.DRAINING if ledger.ended else EdgeState.LIVE
    return EdgeState.RETIRED if is_retired else EdgeState.SILENT


def _of_edge(files: Files, layout: Layout, edge: Entry, silent_since: datetime, closed: bool) -> Iterator[ListedEdge]:
    folder = files.list(edge.path)
    retired, entries = retired_incarnations(folder), open_ledgers(folder)
    if closed:  # after the open ones: an edge writes the closed one first, and then deletes
        last = {entry.name: entry for entry in files.list(layout.closed_ledgers(edge.name))}
        entries = [*(entry for entry in entries if entry.name not in last), *last.values()]
    unread: list[Unread] = []
    documents = Documents(files, unread)
    for entry in entries:
        found = read_ledger(documents, layout, edge.name, entry)
        ledger = found or EdgeLedger(edge.name, entry.name.removesuffix(".json"), next=0, hours={}, raw_mark=0, at=0)
        state = state_of(ledger, entry.modified, silent_since, ledger.incarnation in retired)
        if closed or state is not EdgeState.CLOSED:
            yield ListedEdge(ledger, state, entry.modified, None if found else unread[-1].says)
