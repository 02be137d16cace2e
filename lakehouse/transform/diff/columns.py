"""What two states of one table have in common: their columns, and how each is made comparable.

In: names and types of both sides' columns. Out: :class:`Columns`. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse.contracts import tables
from lakehouse.transform.diff.model import ColumnChange

Types = Mapping[str, str]
"""Trino's type by column; empty for a side that lacks the table."""

_WHOLE = re.compile(r"tinyint|smallint|integer|bigint|decimal\(\d+, ?0\)")
_TEXT_OR_TIME = re.compile(r"varchar|date|timestamp")
EXACT = "DECIMAL(38, 0)"


@dataclass(frozen=True)
class Columns:
    """``keys`` identify a row; ``values`` are the other columns that both sides have (or the one side that there is).

    Bookkeeping is in neither.
    """

    before: Types
    after: Types
    keys: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def changes(self) -> tuple[ColumnChange, ...]:
        """Columns that differ. A table that one side lacks altogether differs as a table."""
        if not self.before or not self.after:
            return ()
        names = dict.fromkeys([*self.before, *self.after])
        pairs = [ColumnChange(name, self.before.get(name), self.after.get(name)) for name in names]
        return tuple(pair for pair in pairs if pair.before != pair.after)

    def is_whole(self, name: str) -> bool:
        """Whether it holds whole numbers wherever it is."""
        types = [side[name] for side in (self.before, self.after) if name in side]
        return bool(types) and all(_WHOLE.fullmatch(each) for each in types)

    def comparable(self, name: str) -> str:
        """The column as an expression with one type on both sides."""
        if self.is_whole(name):
            return f'CAST("{name}" AS {EXACT})'
        same = not self.before or not self.after or self.before.get(name) == self.after.get(name)
        return f'"{name}"' if same else f'CAST("{name}" AS VARCHAR)'


def columns_of(table: str, before: Types, after: Types) -> Columns:
    """``table`` is ``layer.table``. One that the contracts do not know is keyed by its texts, dates and instants in
    gold, and by whole rows in silver."""
    layer, _, name = table.partition(".")
    ignored = tables.BOOKKEEPING | ({tables.MONTH_COLUMNS[layer]} if layer == tables.GOLD_SCHEMA else set())
    shared = [c for c in (before or after) if c not in ignored and (c in after or not after)]
    keys = tables.GOLD_KEYS.get(name) if layer == tables.GOLD_SCHEMA else tables.SILVER_KEYS.get(name)
    if keys is None or not set(keys) <= set(shared):
        types = after or before
        keys = tuple(c for c in shared if layer == tables.SILVER_SCHEMA or _TEXT_OR_TIME.match(types[c]))
    return Columns(before, after, keys, tuple(c for c in shared if c not in keys))
