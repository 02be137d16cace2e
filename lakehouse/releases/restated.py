"""How far restatements are, as a document on HDFS: what the API and maintenance read of them.

In: the document that ``transform/history/restatements`` replaces as it goes on. Out: up to which release restatements
are complete, and why a final number may have changed.
"""

from datetime import date

import msgspec

from lakehouse.clients.files import Files
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError
from lakehouse.releases.model import ReleaseKind, TableState

REASONS: dict[str, str] = {
    ReleaseKind.CYCLE: "late_events",
    ReleaseKind.PROMOTE: "new_definition",
    ReleaseKind.ROLLBACK: "rollback",
}
"""Why a final number changed, by the kind of the release that changed it."""


class Part(msgspec.Struct, frozen=True):
    """What one statement compares: months (their first days, both included) of a table, and of their merchants the
    share ``share`` of ``shares``."""

    table: str
    first: date
    last: date
    share: int = 0
    shares: int = 1


class Restated(msgspec.Struct, frozen=True):
    """How far restatements are: complete through release ``through``, in ``log``'s Delta version of the table.

    ``left`` are the parts that the next release still lacks; None where it has not been looked at.
    """

    through: ReleaseNumber
    log: TableState | None = None
    left: list[Part] | None = None


def restated(files: Files, layout: Layout) -> Restated | None:
    """None before the first release was looked at. What later releases name must stay readable (``vacuum`` waits)."""
    try:
        return msgspec.json.decode(files.read(layout.restated), type=Restated)
    except NotFoundError:
        return None


def restated_through(files: Files, layout: Layout) -> ReleaseNumber | None:
    """The release up to which restatements are complete."""
    found = restated(files, layout)
    return None if found is None else found.through
