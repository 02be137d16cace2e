"""What silver and gold must hold, computed the slow and obvious way from all rows at once: the models' truth."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.support.bronze_rows import Row

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
    orders = [(row, json.loads(row.data)) for row in facts if row.type == "order.placed" and is_readable(row)]
    for row in filter(is_readable, facts):
        body = json.loads(row.data)
        key = (row.merchant_id, row.type, body["refund_id"] if row.type == "refund.issued" else body["order_id"])
        last, seen[key] = seen.get(key), row.time
        repeats = last is not None and row.time - last <= REPEAT
        if repeats and row.type != "order.cancelled":
            continue
        currency = body.get("currency") or _currency_of_order(row, body["order_id"], orders)
        for name, value in measures(row.type, body).items():
            counts = name != "orders_cancelled" or not repeats
            totals[(row.merchant_id, slot_of(row.time), currency)][name] += value * counts
    return {key: dict(found) for key, found in totals.items() if any(found.values())}


def _currency_of_order(cancellation: Row, order_id: str, orders: list[tuple[Row, dict[str, Any]]]) -> str:
    """Of the last one in the 35 days up to the cancellation; of some at one instant, the first that was accepted."""
    found = [
        (row, body["currency"])
        for row, body in orders
        if (row.merchant_id, body["order_id"]) == (cancellation.merchant_id, order_id)
        and timedelta(0) <= cancellation.time - row.time <= REPEAT
    ]
    last = max((row.time for row, _ in found), default=None)
    return str(next((currency for row, currency in found if row.time == last), ""))


def is_readable(row: Row) -> bool:
    """Whether an event of sales holds what the edge promises of its type."""
    body = json.loads(row.data)
    money = [name for name in ("shipping_minor", "tax_minor") if body.get(name) is not None]
    if not isinstance(body.get("refund_id" if row.type == "refund.issued" else "order_id"), str):
        return False
    if row.type == "order.placed":
        lines = body.get("items")
        if not isinstance(lines, list) or not all(map(_is_readable_line, lines)):
            return False
        money += ["discount_minor"] if body.get("discount_minor") is not None else []
    elif row.type == "refund.issued" or body.get("amount_minor") is not None:
        money += ["amount_minor"]
    if not isinstance(body.get("currency"), str) and (row.type != "order.cancelled" or "amount_minor" in money):
        return False
    return all(_is_whole(body.get(name), 0, 10**13) for name in money)


def _is_readable_line(line: Any) -> bool:
    if not isinstance(line, dict) or not _is_whole(line.get("quantity"), 1, 10**6):
        return False
    money = {name: line.get(name) for name in ("unit_price_minor", "amount_minor", "discount_minor")}
    given = {name: value for name, value in money.items() if value is not None}
    return bool(given.keys() - {"discount_minor"}) and all(_is_whole(value, 0, 10**13) for value in given.values())


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def measures(kind: str, body: dict[str, Any]) -> dict[str, int]:
    shipping, tax = body.get("shipping_minor") or 0, body.get("tax_minor") or 0
    if kind != "order.placed":
        money = {"returns": 0, "shipping": 0, "tax": 0}
        if body.get("amount_minor") is not None:
            money = {"returns": body["amount_minor"] - shipping - tax, "shipping": -shipping, "tax": -tax}
        return money | {"orders_cancelled": int(kind == "order.cancelled")}
    lines = body["items"]
    return {
        "gross_sales": sum(map(_amount, lines)),
        "discounts": (body.get("discount_minor") or 0) + sum(line.get("discount_minor") or 0 for line in lines),
        "shipping": shipping,
        "tax": tax,
        "orders": 1,
        "units": sum(line["quantity"] for line in lines),
    }


def _amount(line: dict[str, Any]) -> int:
    total = line.get("amount_minor")
    return int(total) if total is not None else int(line["quantity"] * line["unit_price_minor"])


def page_views(rows: list[Row]) -> dict[tuple[str, datetime], int]:
    counts: dict[tuple[str, datetime], int] = defaultdict(int)
    for row in winners(rows):
        if row.type == "page.viewed":
            counts[(row.merchant_id, slot_of(row.time))] += 1
    return dict(counts)
