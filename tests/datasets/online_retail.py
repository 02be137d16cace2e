"""UCI Online Retail (one British shop, 2010-12 to 2011-12) as the events of one merchant.

In: the Parquet file of invoice lines. Out: an ``order.placed`` for each invoice and a ``refund.issued`` for each
invoice that begins with C, and the truth by month, counted by DuckDB from the same file.

Rules, the same for the events and for the truth:
- Times have no zone in the file and are read as UTC; an invoice's time is the least of its lines'.
- A line's total is quantity times unit price (which has up to three decimals), rounded to whole pence half away from
  zero, line by line; the event carries it as ``amount_minor``.
- Exact duplicate lines stay: the file does not say that they are mistakes.
- Left out, and counted in ``excluded``: lines with a quantity below 1 on invoices without a C (written-off stock,
  priced 0), and lines with a negative price (bad debt); money in events is never negative.
- A refund does not say which order it belongs to: its ``order_id`` is ``unknown``.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.contracts.events import EventType
from lakehouse.simulate.cloudevents import CloudEvent, cloudevent
from lakehouse.simulate.dataset import Dataset
from lakehouse.simulate.truth import Cell, Truth

MERCHANT = "online-retail"
SOURCE = "/uci/online-retail"
CURRENCY = "GBP"

_USABLE = "InvoiceNo LIKE 'C%' OR (Quantity > 0 AND CAST(UnitPrice AS DECIMAL(18, 3)) >= 0)"
_PENCE = "CAST(abs(round(CAST(UnitPrice AS DECIMAL(18, 3)) * Quantity, 2)) * 100 AS BIGINT)"


def online_retail(file: Path) -> Dataset:
    """The data set; ``file`` is ``online_retail.parquet``."""
    return Dataset("online-retail", lambda: _events(file), _truth(file), _excluded(file))


def _events(file: Path) -> Iterator[tuple[str, CloudEvent]]:
    rows = duckdb.execute(
        "SELECT InvoiceNo, InvoiceDate, StockCode, Quantity, UnitPrice, CustomerID, Country "
        f"FROM read_parquet(?) WHERE {_USABLE} ORDER BY InvoiceNo, StockCode, Quantity, UnitPrice",
        [str(file)],
    ).fetchall()
    for invoice, lines in groupby(rows, key=lambda row: str(row[0])):
        yield MERCHANT, _event(invoice, list(lines))


def _event(invoice: str, lines: list[tuple[Any, ...]]) -> CloudEvent:
    at = min(line[1] for line in lines).replace(tzinfo=UTC)
    items = [
        {"product_id": code, "quantity": abs(quantity), "amount_minor": pence(quantity, price)}
        for _, _, code, quantity, price, _, _ in lines
    ]
    data: dict[str, Any] = {"currency": CURRENCY, "items": items, "country": lines[0][6]}
    if not invoice.startswith("C"):
        customer = lines[0][5]
        data |= {"order_id": invoice} | ({"customer_id": customer} if customer else {})
        return cloudevent(SOURCE, EventType.ORDER_PLACED, invoice, at, data)
    amount = sum(item["amount_minor"] for item in items)
    data |= {"refund_id": invoice, "order_id": "unknown", "amount_minor": amount}
    return cloudevent(SOURCE, EventType.REFUND_ISSUED, invoice, at, data)


def pence(quantity: int, price: str) -> int:
    """A line's total without its sign, rounded half away from zero."""
    return int((abs(quantity) * Decimal(price) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _truth(file: Path) -> Truth:
    rows = duckdb.execute(
        f"""
        WITH lines AS (
            SELECT InvoiceNo AS invoice, Quantity AS quantity, {_PENCE} AS pence,
                strftime(min(InvoiceDate) OVER (PARTITION BY InvoiceNo), '%Y-%m') AS month,
                InvoiceNo LIKE 'C%' AS is_refund
            FROM read_parquet(?) WHERE {_USABLE}
        )
        SELECT month,
            CAST(coalesce(sum(pence) FILTER (WHERE NOT is_refund), 0) AS BIGINT),
            CAST(coalesce(sum(pence) FILTER (WHERE is_refund), 0) AS BIGINT),
            count(DISTINCT invoice) FILTER (WHERE NOT is_refund),
            CAST(coalesce(sum(quantity) FILTER (WHERE NOT is_refund), 0) AS BIGINT)
        FROM lines GROUP BY month
        """,
        [str(file)],
    ).fetchall()
    return {
        Cell(MERCHANT, month, CURRENCY): Counter(gross_sales=gross, returns=returns, orders=orders, units=units)
        for month, gross, returns, orders, units in rows
    }


def _excluded(file: Path) -> dict[str, int]:
    found = duckdb.execute(
        """
        SELECT count(*) FILTER (WHERE Quantity < 1 AND InvoiceNo NOT LIKE 'C%'),
            count(*) FILTER (WHERE CAST(UnitPrice AS DECIMAL(18, 3)) < 0)
        FROM read_parquet(?)
        """,
        [str(file)],
    ).fetchone()
    assert found is not None
    return {"lines_with_quantity_below_1_without_c": found[0], "lines_with_negative_price": found[1]}
