"""What gold shows, read straight from a version's tables: for comparison with the naive computation."""

import math
from datetime import datetime
from typing import Any

from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from tests.support import naive_models
from tests.support.bronze_rows import Row


def sales(trino: Trino, version: int, snapshot: float = math.inf) -> dict[Any, dict[str, int]]:
    """What gold shows in a snapshot, without the keys that count nothing."""
    return newest(trino.query(f"SELECT * FROM lake.gold_v{version}.merchant_sales ORDER BY snapshot"), snapshot)


def shown_sales(trino: Trino) -> dict[Any, dict[str, int]]:
    """What analysts see at the moment."""
    return newest(trino.query("SELECT *, 0 AS snapshot FROM lake.gold.merchant_sales"), 0)


def shown_traffic(trino: Trino) -> dict[tuple[str, datetime], int]:
    rows = trino.query("SELECT * FROM lake.gold.merchant_traffic WHERE page_views <> 0")
    return {(row["merchant_id"], row["slot"]): row["page_views"] for row in rows}


def newest(rows: list[dict[str, Any]], snapshot: float) -> dict[Any, dict[str, int]]:
    measures = tables.GOLD_MEASURES[tables.MERCHANT_SALES]
    found: dict[Any, dict[str, int]] = {}
    for row in rows:
        if row["snapshot"] <= snapshot:
            found[(row["merchant_id"], row["slot"], row["currency"])] = {m: int(row[m]) for m in measures if row[m]}
    return {key: values for key, values in found.items() if values}


def expected_sales(rows: list[Row]) -> dict[Any, dict[str, int]]:
    return {key: {m: v for m, v in found.items() if v} for key, found in naive_models.sales(rows).items()}


def traffic(trino: Trino, version: int) -> dict[tuple[str, datetime], int]:
    rows = trino.query(f"SELECT * FROM lake.gold_v{version}.merchant_traffic ORDER BY snapshot")
    known = {(row["merchant_id"], row["slot"]): row["page_views"] for row in rows}
    return {key: count for key, count in known.items() if count}
