"""Compares a gold table's two sides in SQL: values by key at the snapshots, then sums of what differs.

In: the sides and a portion. Out: one query whose rows are totals by currency, by merchant and by hour; and one for a
sample. Each key is aggregated once over both sides together: no join, and as little memory as can be. Pure.

Columns of the answer: ``b_`` before, ``a_`` after, by measure; ``m_`` the sum of absolute changes, by metric.
"""

from collections.abc import Sequence

from lakehouse.clients.trino import literal
from lakehouse.contracts import tables
from lakehouse.contracts.metrics import METRICS, Metric, Sum
from lakehouse.transform.diff.columns import EXACT
from lakehouse.transform.diff.portions import Portion
from lakehouse.transform.diff.sides import AFTER, BEFORE, Sides

BY_CURRENCY, BY_MERCHANT, BY_HOUR = 3, 1, 2
"""The answer's ``level``: which of (merchant, hour) a row adds up over, as bits."""


def measures_of(sides: Sides) -> tuple[str, ...]:
    """The contract's measures that at least one side has."""
    known = tables.GOLD_MEASURES.get(sides.name, ())
    return tuple(m for m in known if any(m in sides.types(side) for side in sides.present))


def metrics_of(sides: Sides) -> tuple[Metric, ...]:
    """The metrics that can be made of these measures."""
    measures = set(measures_of(sides))
    return tuple(m for m in METRICS.values() if m.table == sides.name and set(m.measures) <= measures)


def month_rows(sides: Sides, side: int) -> str:
    """Rows of each month, and in one more row (``level`` 1) of all, with the merchants: what there is to hold."""
    month = sides.month or "CAST(NULL AS DATE)"
    who = "merchant_id" if "merchant_id" in sides.columns.keys else "''"
    return (
        "SELECT grouping(month) AS level, month, count(*) AS n, approx_distinct(merchant) AS merchants "
        f"FROM (SELECT {month} AS month, {who} AS merchant {sides.source(side)}) GROUP BY GROUPING SETS ((month), ())"
    )


def totals(sides: Sides, portion: Portion) -> str:
    """One row for each currency, each affected merchant and currency, each affected hour and currency."""
    sums = [f"sum({side}_{measure}) AS {side}_{measure}" for measure in measures_of(sides) for side in "ba"]
    moved = [f"sum({_moved(metric)}) AS m_{metric.name}" for metric in metrics_of(sides) if metric.additive]
    counts = [f"count_if(verdict = '{v}') AS rows_{v}" for v in ("added", "removed", "changed", "unchanged")]
    level = "grouping(merchant, hour)"
    return (
        f"SELECT {', '.join([f'{level} AS level', 'merchant', 'hour', 'currency', *counts, *sums, *moved])} "
        f"FROM ({_judged(sides, portion.conditions(sides.month, _hashed(sides)))}) WHERE verdict <> 'absent' "
        "GROUP BY GROUPING SETS ((currency), (merchant, currency), (hour, currency)) "
        f"HAVING {level} = {BY_CURRENCY} OR count_if(touched) > 0"
    )


def sample(sides: Sides, merchants: Sequence[str], limit: int) -> str:
    """The rows that differ most, of these merchants (of all, if none is named)."""
    keys = ", ".join(map(_quoted, sides.columns.keys))
    values = [f'{side}_{name} AS "{side}_{name}"' for name in sides.columns.values for side in "ba"]
    only = [f"merchant_id IN ({', '.join(map(literal, merchants))})"] if merchants else []
    money = [m for m in measures_of(sides) if m in tables.MONEY_MEASURES]
    size = " + ".join(f"abs(a_{m} - b_{m})" for m in money or measures_of(sides)) or "0"
    return (
        f"SELECT {', '.join(['verdict', keys, *values])} FROM ({_judged(sides, only)}) "
        f"WHERE verdict NOT IN ('absent', 'unchanged') ORDER BY {size} DESC, {keys} LIMIT {limit}"
    )


def _judged(sides: Sides, conditions: Sequence[str]) -> str:
    """One row a key: both sides' values, and what became of it."""
    keys = sides.columns.keys
    merchant = "merchant_id" if "merchant_id" in keys else "CAST(NULL AS VARCHAR)"
    hour = "date_trunc('hour', slot)" if "slot" in keys else "CAST(NULL AS TIMESTAMP)"
    currency = "" if "currency" in keys else ", CAST(NULL AS VARCHAR) AS currency"
    no_before, no_after = _absent(sides, "b"), _absent(sides, "a")
    verdict = (
        f"CASE WHEN {no_before} AND {no_after} THEN 'absent' WHEN {no_before} THEN 'added' "
        f"WHEN {no_after} THEN 'removed' WHEN {_differ(sides.columns.values)} THEN 'changed' "
        "ELSE 'unchanged' END"
    )
    touched = _differ(tuple(dict.fromkeys([*sides.columns.values, *measures_of(sides)])))
    # Only where something differs: the merchants and hours of all other rows need no group of their own.
    return (
        f"SELECT *, {verdict} AS verdict, {touched} AS touched, IF({touched}, {merchant}) AS merchant, "
        f"IF({touched}, {hour}) AS hour{currency} "
        f"FROM ({_states(sides, conditions)})"
    )


def _states(sides: Sides, conditions: Sequence[str]) -> str:
    """The newest row of each key on each side."""
    keys = ", ".join(map(_quoted, sides.columns.keys))
    values = dict.fromkeys([*sides.columns.values, *measures_of(sides)])
    newest = [
        f"{_known(sides, name, side)} AS {prefix}_{name}"
        for name in values
        for side, prefix in ((BEFORE, "b"), (AFTER, "a"))
    ]
    counts = [f"count_if(side = {side}) AS {prefix}_rows" for side, prefix in ((BEFORE, "b"), (AFTER, "a"))]
    union = sides.both([*sides.columns.keys, *values], [tables.SNAPSHOT_COLUMN], conditions)
    return f"SELECT {', '.join([keys, *counts, *newest])} FROM ({union}) GROUP BY {keys}"


def _known(sides: Sides, name: str, side: int) -> str:
    """The value of a key's newest row. A key that a side lacks counts 0 there."""
    value = f'max_by("{name}", {tables.SNAPSHOT_COLUMN}) FILTER (WHERE side = {side})'
    return f"coalesce({value}, CAST(0 AS {EXACT}))" if sides.columns.is_whole(name) else value


def _absent(sides: Sides, prefix: str) -> str:
    """No row, or one whose numbers are all 0."""
    names = dict.fromkeys([*sides.columns.values, *measures_of(sides)])
    zeros = [f"{prefix}_{name} = 0" for name in names if sides.columns.is_whole(name)]
    nothing = f" OR ({' AND '.join(zeros)})" if zeros else ""
    return f"({prefix}_rows = 0{nothing})"


def _differ(names: Sequence[str]) -> str:
    return "(" + (" OR ".join(f"b_{name} IS DISTINCT FROM a_{name}" for name in names) or "false") + ")"


def _moved(metric: Metric) -> str:
    return f"abs({_of('a', metric.numerator)} - ({_of('b', metric.numerator)}))"


def _of(prefix: str, total: Sum) -> str:
    minus = [f"{prefix}_{measure}" for measure in total.minus]
    return " - ".join([" + ".join(f"{prefix}_{measure}" for measure in total.plus), *minus])


def _hashed(sides: Sides) -> str:
    """All of a merchant is in one bucket."""
    keys = sides.columns.keys
    return "merchant_id" if "merchant_id" in keys else f'CAST("{keys[0]}" AS VARCHAR)'


def _quoted(name: str) -> str:
    return f'"{name}"'
