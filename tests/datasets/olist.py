"""Olist (a Brazilian marketplace, the part before 2018): each seller is a merchant.

In: the Parquet file of order lines. Out: one ``order.placed`` for each pair of order and seller, in BRL, and the
truth by seller and month, counted by DuckDB from the same file.

Rules, the same for the events and for the truth:
- An order's time at a seller is the least ``shipping_limit_date`` of its lines there (the only time that every line
  has). It has no zone in the file and is read as UTC.
- Each line is one unit at ``price``; freight goes into ``shipping_minor``. No line is left out.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.contracts.events import EventType
from lakehouse.simulate.cloudevents import CloudEvent, cloudevent
from lakehouse.simulate.dataset import Dataset
from lakehouse.simulate.truth import Cell, Truth

SOURCE = "/olist"
CURRENCY = "BRL"


def olist(file: Path) -> Dataset:
    """The data set; ``file`` is ``order_items.parquet``."""
    return Dataset("olist", lambda: _events(file), _truth(file))


def _events(file: Path) -> Iterator[tuple[str, CloudEvent]]:
    rows = duckdb.execute(
        "SELECT seller_id, order_id, shipping_limit_date, product_id, price, freight_value "
        "FROM read_parquet(?) ORDER BY seller_id, order_id, order_item_id",
        [str(file)],
    ).fetchall()
    for (seller, order), lines in groupby(rows, key=lambda row: (str(row[0]), str(row[1]))):
        yield seller, _event(order, list(lines))


def _event(order: str, lines: list[tuple[Any, ...]]) -> CloudEvent:
    items = [
        {"product_id": product, "quantity": 1, "unit_price_minor": centavos(price)}
        for _, _, _, product, price, _ in lines
    ]
    data = {
        "order_id": order,
        "currency": CURRENCY,
        "items": items,
        "shipping_minor": sum(centavos(line[5]) for line in lines),
    }
    at = min(line[2] for line in lines).replace(tzinfo=UTC)
    return cloudevent(SOURCE, EventType.ORDER_PLACED, order, at, data)


def centavos(amount: str) -> int:
    """An amount with two decimals; another one is an error of ours."""
    minor = Decimal(amount) * 100
    if minor != int(minor):
        raise ValueError(f"{amount} has more than two decimals")
    return int(minor)


def _truth(file: Path) -> Truth:
    rows = duckdb.execute(
        """
        WITH lines AS (
            SELECT seller_id, order_id, CAST(price AS DECIMAL(18, 2)) AS price,
                CAST(freight_value AS DECIMAL(18, 2)) AS freight,
                min(shipping_limit_date) OVER (PARTITION BY order_id, seller_id) AS placed_at
            FROM read_parquet(?)
        )
        SELECT seller_id, strftime(placed_at, '%Y-%m') AS month, CAST(sum(price) * 100 AS BIGINT),
            CAST(sum(freight) * 100 AS BIGINT), count(DISTINCT order_id), count(*)
        FROM lines GROUP BY ALL
        """,
        [str(file)],
    ).fetchall()
    return {
        Cell(seller, month, CURRENCY): Counter(gross_sales=gross, shipping=freight, orders=orders, units=units)
        for seller, month, gross, freight, orders, units in rows
    }
