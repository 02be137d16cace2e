"""One table's two sides in SQL: each pinned to its snapshot, with the same columns, and told apart by ``side``.

In: the table's states in two snapshots and its columns. Out: relations to compare. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lakehouse.contracts import tables
from lakehouse.contracts.ids import SnapshotNumber
from lakehouse.releases.model import Snapshot, TableState
from lakehouse.transform.diff.columns import EXACT, Columns, Types

BEFORE, AFTER = 0, 1
_MISSING = f"CAST(0 AS {EXACT})"


@dataclass(frozen=True)
class Sides:
    """``table`` is ``layer.table``; a side is None where its snapshot lacks the table."""

    table: str
    columns: Columns
    states: tuple[TableState | None, TableState | None]
    snapshots: tuple[SnapshotNumber, SnapshotNumber]

    @property
    def layer(self) -> str:
        return self.table.partition(".")[0]

    @property
    def name(self) -> str:
        return self.table.partition(".")[2]

    @property
    def present(self) -> tuple[int, ...]:
        return tuple(side for side in (BEFORE, AFTER) if self.states[side] is not None)

    @property
    def same_files(self) -> bool:
        """Whether both sides are one and the same state, which versions may share."""
        if self.states[BEFORE] != self.states[AFTER]:
            return False
        return self.layer == tables.SILVER_SCHEMA or self.snapshots[BEFORE] == self.snapshots[AFTER]

    @property
    def month(self) -> str | None:
        """The partition column, if all sides have it."""
        name = tables.MONTH_COLUMNS[self.layer]
        return name if all(name in self.types(side) for side in self.present) else None

    def types(self, side: int) -> Types:
        return self.columns.before if side == BEFORE else self.columns.after

    def source(self, side: int, conditions: Sequence[str] = ()) -> str:
        """``FROM`` one side: what belongs to its snapshot and satisfies the conditions."""
        tests = [*self._belongs(side), *conditions]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        return f"FROM {pinned(self.table, self.states[side])}{where}"

    def both(self, names: Sequence[str], extra: Sequence[str] = (), conditions: Sequence[str] = ()) -> str:
        """Both sides under each other: ``side``, the columns (0 where a side lacks one) and ``extra`` as they are."""
        return " UNION ALL ".join(
            f"SELECT {', '.join([f'{side} AS side', *self._selected(side, names), *extra])} "
            f"{self.source(side, conditions)}"
            for side in self.present
        )

    def _selected(self, side: int, names: Sequence[str]) -> Iterator[str]:
        for name in names:
            known = name in self.types(side)
            yield f'{self.columns.comparable(name) if known else _MISSING} AS "{name}"'

    def _belongs(self, side: int) -> list[str]:
        if self.layer == tables.GOLD_SCHEMA:
            return [f"{tables.SNAPSHOT_COLUMN} <= {self.snapshots[side]}"]
        return [f"NOT {tables.REPLACED_COLUMN}"] if tables.REPLACED_COLUMN in self.types(side) else []


def pinned(table: str, state: TableState | None) -> str:
    """A table at the Delta version that a snapshot names."""
    assert state is not None, table
    return state.pinned(table)


def states_of(table: str, before: Snapshot, after: Snapshot) -> tuple[TableState | None, TableState | None]:
    return before.tables.get(table), after.tables.get(table)
