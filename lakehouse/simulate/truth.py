"""What the numbers must be, per merchant, UTC month and currency.

In: what happened in the shops (``shop``), never the events. Out: a :class:`Truth`, whose measures are named as the
columns of gold. It is written from the words of the metric catalogue, apart from the models that it judges.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from lakehouse.simulate.shop import Order, Shop, Visit


class Cell(NamedTuple):
    """Where a number belongs: ``month`` as ``2026-11``; ``currency`` is '' where an event names none."""

    merchant_id: str
    month: str
    currency: str


Truth = dict[Cell, Counter[str]]
"""Measures by cell; what is absent is 0."""


def month_of(at: datetime) -> str:
    """The month of an aware UTC instant."""
    return f"{at:%Y-%m}"


def truth_of(happened: Iterable[tuple[Shop, Visit]]) -> Truth:
    """The sums over all visits."""
    truth: Truth = defaultdict(Counter)
    for shop, visit in happened:
        for at, _ in visit.views:
            truth[Cell(shop.merchant_id, month_of(at), "")]["page_views"] += 1
        if visit.order:
            _add_order(truth, shop, visit.order)
    return dict(truth)


def total(truth: Truth) -> dict[tuple[str, str], Counter[str]]:
    """The sums of each merchant and currency over all months."""
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for cell, measures in truth.items():
        sums[cell.merchant_id, cell.currency].update(measures)
    return dict(sums)


def _add_order(truth: Truth, shop: Shop, order: Order) -> None:
    def cell(at: datetime, currency: str = shop.currency) -> Counter[str]:
        return truth[Cell(shop.merchant_id, month_of(at), currency)]

    cell(order.at).update(
        orders=1,
        units=sum(line.quantity for line in order.lines),
        gross_sales=sum(line.amount for line in order.lines),
        discounts=order.discount + sum(line.discount for line in order.lines),
        shipping=order.shipping,
        tax=order.tax,
    )
    if refund := order.refund:
        cell(refund.at).update(returns=refund.goods, shipping=-refund.shipping, tax=-refund.tax)
    if order.cancelled_at and order.cancelled_with_money:
        cell(order.cancelled_at).update(
            orders_cancelled=1, returns=order.goods, shipping=-order.shipping, tax=-order.tax
        )
    elif order.cancelled_at:
        # Which currency that is, the order says: it was placed at most some days before.
        cell(order.cancelled_at)["orders_cancelled"] += 1
