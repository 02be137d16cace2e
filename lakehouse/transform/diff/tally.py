"""Adds up what the queries over gold have found: totals, the most affected merchants and hours, days.

In: rows of :func:`gold_sql.totals`. Out: metrics before and after. Pure.

Currencies cannot be added, so a merchant or hour ranks by the largest share that it has in what moved in any one
currency: money first, counts where no money moved.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from heapq import nsmallest
from typing import Any, TypeVar

from lakehouse.contracts.metrics import METRICS, Metric, Sum, Unit
from lakehouse.transform.diff import gold_sql
from lakehouse.transform.diff.model import DayChange, HourChange, MerchantChange, MetricChange, Number, RowCounts

K = TypeVar("K", str, datetime)
Place = tuple[str, str | None]
"""A gold table and a currency, None where it has none."""


@dataclass
class Sums:
    """Of one place: measures on both sides, absolute changes by metric, and rows that differ."""

    before: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    after: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    moved: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rows: RowCounts = field(default_factory=RowCounts)

    def add(self, row: Mapping[str, Any]) -> None:
        kinds = {"b_": self.before, "a_": self.after, "m_": self.moved}
        for column, value in row.items():
            if (kind := kinds.get(column[:2])) is not None:
                kind[column[2:]] += int(value or 0)
        self.rows += RowCounts(row["rows_added"], row["rows_removed"], row["rows_changed"], row["rows_unchanged"])

    def change(self, metric: Metric, currency: str | None) -> MetricChange:
        moved = self.moved.get(metric.name, 0) if metric.additive else None
        return MetricChange(metric.name, currency, value(metric, self.before), value(metric, self.after), moved)

    def size(self, unit: Unit) -> int:
        return sum(moved for name, moved in self.moved.items() if METRICS[name].unit is unit)


Group = dict[Place, Sums]


@dataclass
class Tally:
    """Grows with each answer. Merchants are taken in bucket by bucket: only the foremost of each are kept."""

    top: int
    total: Group = field(default_factory=lambda: defaultdict(Sums))
    metrics: dict[str, tuple[str, ...]] = field(default_factory=dict)
    merchants_affected: int = 0
    _merchants: dict[str, Group] = field(default_factory=lambda: defaultdict(_group))
    _foremost: dict[str, Group] = field(default_factory=dict)
    _hours: dict[datetime, Group] = field(default_factory=lambda: defaultdict(_group))

    def add(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """One answer about a table."""
        for row in rows:
            place = (table, row["currency"])
            if row["level"] == gold_sql.BY_CURRENCY:
                self.total[place].add(row)
            elif row["level"] == gold_sql.BY_MERCHANT and row["merchant"] is not None:
                self._merchants[row["merchant"]][place].add(row)
            elif row["level"] == gold_sql.BY_HOUR and row["hour"] is not None:
                self._hours[row["hour"].astimezone(UTC)][place].add(row)

    def close_bucket(self) -> None:
        """All tables have told all about the bucket's merchants."""
        self.merchants_affected += len(self._merchants)
        self._foremost |= {name: self._merchants[name] for name in foremost(self._merchants, self.top)}
        self._foremost = {name: self._foremost[name] for name in foremost(self._foremost, self.top)}
        self._merchants.clear()

    def table_rows(self, table: str) -> RowCounts:
        return sum((sums.rows for (name, _), sums in self.total.items() if name == table), start=RowCounts())

    def metric_changes(self) -> list[MetricChange]:
        """Every metric in every currency that there is, in the catalogue's order."""
        places = sorted(self.total, key=lambda place: (place[0], place[1] or ""))
        return [
            self.total[place].change(METRICS[name], place[1] or None)
            for name in METRICS
            for place in places
            if name in self.metrics.get(place[0], ()) and self._belongs(METRICS[name], place)
        ]

    def _belongs(self, metric: Metric, place: Place) -> bool:
        """Events that name no currency have counts, and money only by a mistake, which must show."""
        money = not metric.additive or metric.unit is Unit.MONEY
        return bool(place[1]) or not money or self.total[place].size(Unit.MONEY) > 0 or not metric.by_currency

    def merchants(self) -> list[MerchantChange]:
        """The most affected, first the most."""
        ranked = ranking(self._foremost, self.total)[: self.top]
        return [MerchantChange(name, *_told(self._foremost[name])) for name in ranked]

    @property
    def hours_affected(self) -> int:
        return len(self._hours)

    def hours(self) -> list[HourChange]:
        """The most affected, first the most."""
        return [HourChange(hour, *_told(self._hours[hour])) for hour in ranking(self._hours, self.total)[: self.top]]

    def days(self) -> list[DayChange]:
        """All days on which something differs, in order."""
        found: dict[date, Group] = defaultdict(_group)
        for hour, group in self._hours.items():
            for place, sums in group.items():
                _merge(found[hour.date()][place], sums)
        return [DayChange(day, _told(found[day])[1]) for day in sorted(found)]


def value(metric: Metric, sums: Mapping[str, int]) -> Number:
    """A metric of sums, rounded half away from zero; None for 0/0."""
    top = _of(metric.numerator, sums)
    if metric.denominator is None:
        return top
    bottom = _of(metric.denominator, sums)
    if bottom == 0:
        return None
    scale = 1 if metric.unit is Unit.MONEY else 10**6
    rounded = (2 * abs(top) * scale + abs(bottom)) // (2 * abs(bottom))
    rounded = -rounded if (top < 0) != (bottom < 0) else rounded
    return rounded if metric.unit is Unit.MONEY else Decimal(f"{rounded}e-6")


def foremost(groups: Mapping[K, Group], top: int) -> set[K]:
    """At least those that can be among the first ``top`` of a ranking: the first of each currency, by money and by
    count."""
    found: set[K] = set()
    for place in {place for group in groups.values() for place in group}:
        for unit in (Unit.MONEY, Unit.COUNT):
            sizes = ((-group[place].size(unit), key) for key, group in groups.items() if place in group)
            found |= {key for size, key in nsmallest(top, sizes) if size}
    return found


def ranking(groups: Mapping[K, Group], total: Group) -> list[K]:
    """All of them, first those with the largest share in what moved in a currency."""

    def share(group: Group, unit: Unit) -> float:
        shares = [sums.size(unit) / whole for place, sums in group.items() if (whole := total[place].size(unit))]
        return max(shares, default=0.0)

    return sorted(groups, key=lambda key: (-share(groups[key], Unit.MONEY), -share(groups[key], Unit.COUNT), key))


def _told(group: Group) -> tuple[int, tuple[MetricChange, ...]]:
    """Rows that differ, and the metrics that do, in the catalogue's order."""
    changes = [
        group[place].change(metric, place[1] or None)
        for metric in METRICS.values()
        for place in sorted(group, key=lambda place: (place[0], place[1] or ""))
        if group[place].moved.get(metric.name)
    ]
    return sum(sums.rows.differing for sums in group.values()), tuple(changes)


def _merge(one: Sums, other: Sums) -> None:
    for kind, added in ((one.before, other.before), (one.after, other.after), (one.moved, other.moved)):
        for name, amount in added.items():
            kind[name] += amount
    one.rows += other.rows


def _of(total: Sum, sums: Mapping[str, int]) -> int:
    return sum(sums.get(name, 0) for name in total.plus) - sum(sums.get(name, 0) for name in total.minus)


def _group() -> Group:
    return defaultdict(Sums)
