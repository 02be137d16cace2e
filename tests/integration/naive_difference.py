"""The difference between two gold versions, computed the slow and obvious way from the measures of every key."""

from typing import Any

from lakehouse.contracts import tables


def paired(before: dict[Any, dict[str, int]], after: dict[Any, dict[str, int]]) -> dict[Any, dict[str, Any]]:
    names = tables.GOLD_MEASURES[tables.MERCHANT_SALES]
    keys = before.keys() | after.keys()
    return {k: {m: (before.get(k, {}).get(m, 0), after.get(k, {}).get(m, 0)) for m in names} for k in keys}


def moves(keys: dict[Any, dict[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    """Change and absolute change of the metrics that returns are part of, and of returns."""
    found = {}
    for metric, plus, minus in NAIVE:
        steps = []
        for measures in keys.values():
            steps.append(sum(measures[m][1] - measures[m][0] for m in plus))
            steps[-1] -= sum(measures[m][1] - measures[m][0] for m in minus)
        if any(steps):
            found[metric] = (sum(steps), sum(map(abs, steps)))
    return found


NAIVE = [(m, (m,), ()) for m in tables.GOLD_MEASURES[tables.MERCHANT_SALES]] + [
    ("net_sales", ("gross_sales",), ("discounts", "returns")),
    ("total_sales", ("gross_sales", "shipping", "tax"), ("discounts", "returns")),
]


def newest(rows: list[dict[str, Any]], snapshot: int) -> dict[Any, dict[str, int]]:
    found: dict[Any, dict[str, int]] = {}
    for row in sorted(rows, key=lambda row: row["snapshot"]):
        if row["snapshot"] <= snapshot:
            found[(row["merchant_id"], row["slot"], row["currency"])] = row
    return found
