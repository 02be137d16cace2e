"""Compares a silver table's two sides in SQL: first by month with a checksum, then by key where a month differs.

In: the sides and a portion. Out: queries. Checksums do not depend on the order of rows; a row whose key is on both
sides is compared by the checksum of its other columns. Pure.
"""

from lakehouse.transform.diff.portions import Portion
from lakehouse.transform.diff.sides import AFTER, BEFORE, Sides


def months(sides: Sides, side: int) -> str:
    """Rows and checksum of each month."""
    names = [*sides.columns.keys, *sides.columns.values]
    row = ", ".join(sides.columns.comparable(name) for name in names)
    month = sides.month or "CAST(NULL AS DATE)"
    return f"SELECT {month} AS month, count(*) AS n, checksum(ROW({row})) AS digest {sides.source(side)} GROUP BY 1"


def row_counts(sides: Sides, portion: Portion) -> str:
    """How many rows were added, removed, changed, and not."""
    distinct = "b_digest IS DISTINCT FROM a_digest"
    return (
        "SELECT coalesce(sum(greatest(a_rows - b_rows, 0)), 0) AS rows_added, "
        "coalesce(sum(greatest(b_rows - a_rows, 0)), 0) AS rows_removed, "
        f"coalesce(sum(if({distinct}, least(a_rows, b_rows), 0)), 0) AS rows_changed, "
        f"coalesce(sum(if({distinct}, 0, least(a_rows, b_rows))), 0) AS rows_unchanged "
        f"FROM ({_by_key(sides, portion)})"
    )


def sample(sides: Sides, portion: Portion, limit: int) -> str:
    """Both sides' rows of the first keys that differ: ``side`` and all columns."""
    keys = [f'"{name}"' for name in sides.columns.keys]
    same = " AND ".join(f"r.{key} IS NOT DISTINCT FROM d.{key}" for key in keys)
    columns = ", ".join(f'r."{name}"' for name in (*sides.columns.keys, *sides.columns.values))
    differing = (
        f"SELECT {', '.join(keys)} FROM ({_by_key(sides, portion)}) "
        "WHERE a_rows <> b_rows OR b_digest IS DISTINCT FROM a_digest "
        f"ORDER BY {', '.join(keys)} LIMIT {limit}"
    )
    return f"SELECT r.side, {columns} FROM ({_rows(sides, portion)}) AS r INNER JOIN ({differing}) AS d ON {same}"


def _by_key(sides: Sides, portion: Portion) -> str:
    keys = ", ".join(f'"{name}"' for name in sides.columns.keys)
    values = ", ".join(f'"{name}"' for name in sides.columns.values) or "1"
    digest = f"checksum(ROW({values}))"
    parts = [
        f"count_if(side = {side}) AS {prefix}_rows, {digest} FILTER (WHERE side = {side}) AS {prefix}_digest"
        for side, prefix in ((BEFORE, "b"), (AFTER, "a"))
    ]
    return f"SELECT {keys}, {', '.join(parts)} FROM ({_rows(sides, portion)}) GROUP BY {keys}"


def _rows(sides: Sides, portion: Portion) -> str:
    names = (*sides.columns.keys, *sides.columns.values)
    return sides.both(names, conditions=portion.conditions(sides.month, _hashed(sides)))


def _hashed(sides: Sides) -> str:
    """The key's last two columns spread best."""
    parts = [f"coalesce(CAST(\"{name}\" AS VARCHAR), '')" for name in sides.columns.keys[-2:]]
    return " || '/' || ".join(parts)
