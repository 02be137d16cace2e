"""How a rebuild is cut: into spans of the events' time, each about as many bronze rows as one build should hold.

In: a bronze table at a version, and the span of time that is wanted. Out: slices without gaps and overlap, oldest
first. Copies of an identity lie in one UTC day and the numbers of a slot in one slice: what a slice builds is seldom
touched again, so that its cost does not grow with the history before it. Where a day fits into a slice it is not cut.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from lakehouse.clients.trino import Trino
from lakehouse.contracts.tables import SLOT_SECONDS
from lakehouse.releases.model import BronzeCursor
from lakehouse.transform.building.literals import timestamp

DAY = 86_400_000_000
"""A UTC day, in microseconds."""


@dataclass(frozen=True)
class Slice:
    """Events with a time from ``since`` (included) to ``until`` (not), in microseconds; None is no bound. Of what
    ``is_copied`` the candidate has most rows already, copied from its base."""

    since: int | None
    until: int | None
    rows: int
    is_last: bool = False
    is_copied: bool = False

    @property
    def begins_a_day(self) -> bool:
        """Whether no slice before it has events of its days."""
        return self.since is None or self.since % DAY == 0

    @property
    def adds_days(self) -> bool:
        """Whether nothing that is there already has events of its days."""
        return self.begins_a_day and not self.is_copied


@dataclass(frozen=True)
class Wanted:
    """The bronze rows of a rebuild: a table at a version, and a span of events' time (microseconds; None is no
    bound)."""

    bronze: BronzeCursor
    since: int | None
    until: int | None

    def per_slot(self, trino: Trino) -> list[tuple[int, int]]:
        """Rows by the quarter of an hour of their time (its start in microseconds), in order."""
        rows = trino.query(
            f'SELECT CAST(floor(to_unixtime("time") / {SLOT_SECONDS}) AS BIGINT) AS slot, count(*) AS n '
            f"FROM {self._rows()} GROUP BY 1 ORDER BY 1"
        )
        return [(int(row["slot"]) * SLOT_SECONDS * 1_000_000, int(row["n"])) for row in rows]

    def _rows(self) -> str:
        bounds = [('"time" >=', self.since), ('"time" <', self.until)]
        tests = [f"{test} TIMESTAMP '{timestamp(instant)}'" for test, instant in bounds if instant is not None]
        return f"{self.bronze.pinned} WHERE {' AND '.join(tests)}" if tests else self.bronze.pinned


def cut(slots: Iterable[tuple[int, int]], most: int, since: int | None = None, until: int | None = None) -> list[Slice]:
    """Slices of at most ``most`` rows, or of one slot that has more. ``slots`` are (start, rows), in order.

    UTC days stay whole, but those that have more rows than ``most``. The first slice begins at ``since``, the last ends
    at ``until``: together they hold everything between. At least one. What would be a last slice of less than half of
    ``most`` belongs to the one before: a slice has a price of its own.
    """
    found: list[Slice] = []
    rows = 0
    for start, count in _pieces(slots, most):
        if rows and rows + count > most:
            found.append(Slice(since, start, rows))
            since, rows = start, 0
        rows += count
    if found and 2 * rows < most:
        before = found.pop()
        since, rows = before.since, before.rows + rows
    return [*found, Slice(since, until, rows, is_last=True)]


def cut_around(
    slots: Iterable[tuple[int, int]], most: int, since: int | None, until: int | None, begin: int | None = None
) -> list[Slice]:
    """Slices of all history from ``begin`` on, of which what lies outside of ``since`` and ``until`` has been copied.

    Bronze that was made from raw files has what came in after the base: outside of the bounds, too.
    """
    counts, found = list(slots), list[Slice]()
    for first, end, is_copied in _sections(since, until):
        if begin is not None and end is not None and end <= begin:
            continue
        start = begin if first is None or (begin is not None and first < begin) else first
        within = [slot for slot in counts if slot[0] >= (start or 0) and (end is None or slot[0] < end)]
        found += [replace(part, is_copied=is_copied, is_last=False) for part in cut(within, most, start, end)]
    return [*found[:-1], replace(found[-1], is_last=True)]


def _sections(since: int | None, until: int | None) -> Iterable[tuple[int | None, int | None, bool]]:
    """The span that is wanted, between those that have been copied: (since, until, whether)."""
    if since is not None:
        yield None, since, True
    yield since, until, False
    if until is not None:
        yield until, None, True


def _pieces(slots: Iterable[tuple[int, int]], most: int) -> Iterable[tuple[int, int]]:
    """What is not cut, as (start, rows): a day, or the slots of one that has too many rows."""
    for day, found in groupby(slots, key=lambda slot: slot[0] // DAY):
        counts = list(found)
        rows = sum(count for _, count in counts)
        if rows <= most:
            yield day * DAY, rows
        else:
            yield day * DAY, counts[0][1]
            yield from counts[1:]
