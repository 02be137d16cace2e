"""Which columns the gold tables of a version physically have: its definition may lack what others count.

In: a table's state, as a snapshot names it. Out: names of columns, or what is missing of those that readers know.
"""

from collections.abc import Mapping

from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.releases.model import TableState


class Columns:
    """Asked once a table: a version's tables keep the columns that they began with."""

    def __init__(self, trino: Trino) -> None:
        self._trino = trino
        self._known: dict[str, frozenset[str]] = {}

    def of(self, table: str, state: TableState) -> frozenset[str]:
        if state.location not in self._known:
            rows = self._trino.query(f"SHOW COLUMNS FROM {tables.CATALOG}.{state.schema}.{table}")
            self._known[state.location] = frozenset(row["Column"] for row in rows)
        return self._known[state.location]

    def of_gold(self, states: Mapping[str, TableState]) -> dict[str, frozenset[str]]:
        """By name of the gold table, of those that a release or snapshot has."""
        return {
            table: self.of(table, state)
            for table in tables.GOLD_TABLES
            if (state := states.get(f"{tables.GOLD_SCHEMA}.{table}")) is not None
        }


def missing_for_good(columns: Mapping[str, frozenset[str]]) -> list[str]:
    """``table.column`` of what finds a row, or ``table``: no reader can be shown a version without."""
    return [table for table in tables.GOLD_TABLES if table not in columns] + [
        f"{table}.{name}"
        for table, known in columns.items()
        for name in (*tables.GOLD_KEYS[table], tables.MONTH_COLUMNS[tables.GOLD_SCHEMA], tables.SNAPSHOT_COLUMN)
        if name not in known
    ]


def missing_measures(columns: Mapping[str, frozenset[str]]) -> list[str]:
    """``table.column`` of the measures that readers know and these tables do not have."""
    return [
        f"{table}.{name}"
        for table, known in columns.items()
        for name in tables.GOLD_MEASURES[table]
        if name not in known
    ]
