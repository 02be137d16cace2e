"""The metric catalogue: one row per metric, and everything that answers with metrics is derived from these rows.

A metric is a signed sum of measures of one gold table, or a ratio of two such sums. A ratio is computed from the sums
of a bucket, never averaged; 0/0 is null. What one event
adds to a measure is computed in ``dbt_project/macros/sales_facts_of.sql``.
"""

from dataclasses import dataclass
from enum import StrEnum

from lakehouse.contracts.tables import MERCHANT_SALES, MERCHANT_TRAFFIC

CATALOGUE_VERSION = 1
"""Raised whenever a row below changes its meaning; a release names the version that it was published with."""


DEFINITIONS = {
    "gross_sales": "sum of the lines of orders placed (amount_minor, or quantity x unit_price_minor), "
    "before discounts, shipping and tax",
    "discounts": "line discounts and order discounts of orders placed",
    "returns": "amounts of refunds and cancellations less their shipping and tax, at their own time",
    "shipping": "shipping of orders placed, less what refunds and cancellations give back, at their own time",
    "tax": "tax of orders placed, less what refunds and cancellations give back, at their own time",
    "orders": "orders placed; an order_id that was placed in the 35 days before is not counted again",
    "orders_cancelled": "orders cancelled, each once; a cancellation moves no money unless it names an amount",
    "units": "sum of the quantities of the lines of orders placed",
    "page_views": "pages viewed",
}
"""What a measure counts, in words; the other formulas are made of measures."""


class Unit(StrEnum):
    MONEY = "money"
    """An integer in the currency's minor unit; means are rounded half away from zero."""
    COUNT = "count"
    RATIO = "ratio"
    """Given to 6 decimals, rounded half away from zero."""


@dataclass(frozen=True)
class Sum:
    """The measures that are added and those that are taken away."""

    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        return self.plus + self.minus


@dataclass(frozen=True)
class Metric:
    """A row of the catalogue.

    ``by_currency`` says whether the parameter ``currency`` chooses among its rows (money, and counts of orders). A
    metric with a ``denominator`` is not additive. ``error`` is the largest relative error of its values.
    """

    name: str
    title: str
    unit: Unit
    table: str
    numerator: Sum
    denominator: Sum | None = None
    by_currency: bool = False
    error: float = 0.0

    @property
    def additive(self) -> bool:
        return self.denominator is None

    @property
    def measures(self) -> tuple[str, ...]:
        return self.numerator.measures + (self.denominator.measures if self.denominator else ())

    @property
    def formula(self) -> str:
        """A measure's definition in words, or how it is made of measures: ``(gross_sales - discounts) / orders``."""
        if self.denominator is None and self.numerator == Sum((self.name,)):
            return DEFINITIONS[self.name]
        top = _spell(self.numerator)
        if self.denominator is None:
            return top
        return f"{_bracket(self.numerator, top)} / {_bracket(self.denominator, _spell(self.denominator))}"


def _spell(total: Sum) -> str:
    return " - ".join((" + ".join(total.plus), *total.minus))


def _bracket(total: Sum, text: str) -> str:
    return f"({text})" if len(total.measures) > 1 else text


def _money(name: str, title: str, *plus: str, minus: tuple[str, ...] = ()) -> Metric:
    return Metric(name, title, Unit.MONEY, MERCHANT_SALES, Sum(plus, minus), by_currency=True)


def _orders(name: str, title: str) -> Metric:
    return Metric(name, title, Unit.COUNT, MERCHANT_SALES, Sum((name,)), by_currency=True)


_CATALOGUE = (
    _money("gross_sales", "Gross sales", "gross_sales"),
    _money("discounts", "Discounts", "discounts"),
    _money("returns", "Returns", "returns"),
    _money("net_sales", "Net sales", "gross_sales", minus=("discounts", "returns")),
    _money("shipping", "Shipping", "shipping"),
    _money("tax", "Tax", "tax"),
    _money("total_sales", "Total sales", "gross_sales", "shipping", "tax", minus=("discounts", "returns")),
    _orders("orders", "Orders"),
    _orders("orders_cancelled", "Orders cancelled"),
    _orders("units", "Units"),
    Metric(
        "average_order_value",
        "Average order value",
        Unit.MONEY,
        MERCHANT_SALES,
        Sum(("gross_sales",), ("discounts",)),
        Sum(("orders",)),
        by_currency=True,
    ),
    Metric(
        "refund_rate",
        "Refund rate",
        Unit.RATIO,
        MERCHANT_SALES,
        Sum(("returns",)),
        Sum(("gross_sales",)),
        by_currency=True,
    ),
    Metric("page_views", "Page views", Unit.COUNT, MERCHANT_TRAFFIC, Sum(("page_views",))),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _CATALOGUE}
"""By name, in the order in which they are shown."""
