"""How a rebuild is cut: into spans of acceptance, each about as many bronze rows as one build should hold.

In: a bronze table at a version, and the span of events' time that is wanted. Out: slices without gaps and overlap.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lakehouse.clients.trino import Trino
from lakehouse.releases.build import timestamp
from lakehouse.releases.model import BronzeCursor


@dataclass(frozen=True)
class Slice:
    """Events accepted from ``accepted_from`` (included) to ``accepted_before`` (not), in microseconds; None is no
    bound."""

    accepted_from: int | None
    accepted_before: int | None
    rows: int


@dataclass(frozen=True)
class Wanted:
    """The bronze rows of a rebuild: a table at a version, and a span of events' time (microseconds; None is no
    bound)."""

    bronze: BronzeCursor
    since: int | None
    until: int | None

    def per_minute(self, trino: Trino) -> list[tuple[int, int]]:
        """Rows by the minute of acceptance (its start in microseconds), in order."""
        rows = trino.query(
            "SELECT CAST(to_unixtime(date_trunc('minute', accepted_at)) AS BIGINT) AS minute, count(*) AS n "
            f"FROM {self._rows()} GROUP BY 1 ORDER BY 1"
        )
        return [(int(row["minute"]) * 1_000_000, int(row["n"])) for row in rows]

    def _rows(self) -> str:
        bounds = [('"time" >=', self.since), ('"time" <', self.until)]
        tests = [f"{test} TIMESTAMP '{timestamp(instant)}'" for test, instant in bounds if instant is not None]
        return f"{self.bronze.pinned} WHERE {' AND '.join(tests)}" if tests else self.bronze.pinned


def cut(minutes: Iterable[tuple[int, int]], most: int, begin: int | None = None) -> list[Slice]:
    """Slices of at most ``most`` rows, or of one minute that has more. ``minutes`` are (start, rows), in order.

    The first begins at ``begin``, the last has no end: together they hold everything that is not before ``begin``. At
    least one.
    """
    found: list[Slice] = []
    rows = 0
    for start, count in minutes:
        if rows and rows + count > most:
            found.append(Slice(begin, start, rows))
            begin, rows = start, 0
        rows += count
    return [*found, Slice(begin, None, rows)]
