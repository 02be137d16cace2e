"""What silver and gold must hold, computed the slow and obvious way from all rows at once: the models' truth."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.integration.bronze_rows import Row

SALES = ("order.placed", "order.cancelled", "refund.issued")
REPEAT = timedelta(days=35)

Key = tuple[str, datetime, str]


def slot_of(time: datetime) -> datetime:
    return time.replace(minute=time.minute // 15 * 15, second=0, microsecond=0)


def verdicts(rows: Iterable[Row]) -> dict[tuple[str, str, int], str]:
    """``event``, ``duplicate`` or ``conflicting_duplicate`` of each position."""
    by_identity: dict[Any, dict[Any, Row]] = defaultdict(dict)
    for row in rows:
        by_identity[(row.merchant_id, row.source, row.id, row.time.date())][row.position] = row
    found = {}
    for copies in by_identity.values():
        first, *others = sorted(copies.values(), key=lambda row: row.order)
        found[first.position] = "event"
        for row in others:
            same = (row.type, row.time, row.data) == (first.type, first.time, first.data)
            found[row.position] = "duplicate" if same else "conflicting_duplicate"
    return found


def winners(rows: list[Row]) -> list[Row]:
    verdict = verdicts(rows)
    return list({row.position: row for row in rows if verdict[row.position] == "event"}.values())


def sales(rows: list[Row]) -> dict[Key, dict[str, int]]:
    """Measures by (merchant, slot, currency); keys whose measures are all 0 are left out."""
    totals: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    seen: dict[Any, datetime] = {}
    facts = sorted((row for row in winners(rows) if row.type in SALES), key=lambda row: (row.time, *row.order))
    for row in facts:
        body = json.loads(row.data)
        key = (row.merchant_id, row.type, body["refund_id"] if row.type == "refund.issued" else body["order_id"])
        last, seen[key] = seen.get(key), row.time
        if last is not None and row.time - last <= REPEAT:
            continue
        for name, value in _measures(row.type, body).items():
            totals[(row.merchant_id, slot_of(row.time), body.get("currency", ""))][name] += value
    return {key: dict(found) for key, found in totals.items() if any(found.values())}


def _measures(kind: str, body: dict[str, Any]) -> dict[str, int]:
    shipping, tax = body.get("shipping_minor", 0), body.get("tax_minor", 0)
    if kind != "order.placed":
        money = {"returns": 0, "shipping": 0, "tax": 0}
        if "amount_minor" in body:
            money = {"returns": body["amount_minor"] - shipping - tax, "shipping": -shipping, "tax": -tax}
        return money | {"orders_cancelled": int(kind == "order.cancelled")}
    lines = body["items"]
    return {
        "gross_sales": sum(
            line.get("amount_minor", line["quantity"] * line.get("unit_price_minor", 0)) for line in lines
        ),
        "discounts": body.get("discount_minor", 0) + sum(line.get("discount_minor", 0) for line in lines),
        "shipping": shipping,
        "tax": tax,
        "orders": 1,
        "units": sum(line["quantity"] for line in lines),
    }


def page_views(rows: list[Row]) -> dict[tuple[str, datetime], int]:
    counts: dict[tuple[str, datetime], int] = defaultdict(int)
    for row in winners(rows):
        if row.type == "page.viewed":
            counts[(row.merchant_id, slot_of(row.time))] += 1
    return dict(counts)
