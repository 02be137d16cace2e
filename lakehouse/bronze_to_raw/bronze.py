"""What bronze has of an incarnation's gaps, as the current release sees it.

In: Trino and a release's bronze. Out: positions, or whole rows in the order of their sequences. Promise: no statement
reads more than an hour's files, and each row of a gap is given once.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from lakehouse.clients.trino import Row, Trino, literal, timestamp_literal
from lakehouse.contracts import tables
from lakehouse.ledger import read_tables
from lakehouse.ledger.model import Run, Stream, start_of
from lakehouse.ledger.spans import Span
from lakehouse.releases.model import BronzeCursor

_COLUMNS = [name for name in tables.BRONZE_COLUMNS if name not in (tables.BRONZE_PARTITION, "edge")]
_MILLISECOND = timedelta(milliseconds=1)


class Part(NamedTuple):
    """Consecutive segments of an incarnation, of one hour: from the first sequence that is wanted to the last."""

    stream: Stream
    hour: int
    segments: tuple[str, ...]
    first: int
    last: int


class Bronze:
    """Of one release."""

    def __init__(self, trino: Trino, cursor: BronzeCursor) -> None:
        self._trino = trino
        self._cursor = cursor

    def runs(self, stream: Stream, hour: int, bounds: Span) -> list[Run]:
        """Positions accepted in an hour with sequences from the first bound on and before the second."""
        where = (
            f"{_of_hour(stream, hour)} AND segment LIKE {literal(f'{stream.incarnation}-%')} "
            f"AND seq BETWEEN {bounds[0]} AND {bounds[1] - 1}"
        )
        return read_tables.bronze_runs_where(self._trino, self._cursor, where)

    def rows(self, part: Part) -> Iterator[Row]:
        """With the columns of :data:`~lakehouse.contracts.tables.BRONZE_COLUMNS`, by sequence. Data files are found by
        when these segments were accepted, which is asked first, of a few columns."""
        where = (
            f"{_of_hour(part.stream, part.hour)} AND segment IN ({', '.join(map(literal, part.segments))}) "
            f"AND seq BETWEEN {part.first} AND {part.last}"
        )
        [at] = self._trino.query(
            f"SELECT min(accepted_at) AS first, max(accepted_at) AS last FROM {self._cursor.pinned} WHERE {where}"
        )
        if at["first"] is None:
            return iter(())
        since, until = timestamp_literal(at["first"]), timestamp_literal(at["last"] + _MILLISECOND)
        columns = ", ".join(f'"{name}"' for name in _COLUMNS)
        return self._trino.stream(
            f"SELECT {columns} FROM {self._cursor.pinned} "
            f"WHERE {where} AND accepted_at >= {since} AND accepted_at < {until} ORDER BY seq"
        )


def _of_hour(stream: Stream, hour: int) -> str:
    since, until = timestamp_literal(start_of(hour)), timestamp_literal(start_of(hour + 1))
    return (
        f"{tables.BRONZE_PARTITION} = DATE '{read_tables.day_of(hour)}' "
        f"AND accepted_at >= {since} AND accepted_at < {until} AND edge = {literal(stream.edge)}"
    )
