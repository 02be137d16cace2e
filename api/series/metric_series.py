"""Metric series: which of them an answer has, and the values of each.

In: a release's tables, a merchant, metrics, edges of buckets. Out: the series, and one value a bucket.

- Money, and ratios of money, give one series a currency: those that the merchant has a row of at any time, sorted; one
  with currency null and zeros where there is none; or with ``currency`` exactly that one.
- Counts of orders are summed over currencies unless one is asked for. Other counts know no currency.
- A bucket that begins at or after the release and holds nothing is None: it is not known yet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.series.aggregation import BucketSums, Value, metric_values
from api.series.buckets import SLOT
from api.serving.integers import Ints
from api.serving.release_views import ReleaseView
from api.serving.runs import Rows, currencies_at, rows_at
from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.metrics import Metric, Unit
from lakehouse.contracts.tables import MONEY_MEASURES

_NO_ROW_HAS_IT = -1


@dataclass(frozen=True)
class MetricSeries:
    """A metric, and the currency of its rows (None: all rows)."""

    metric: Metric
    currency: str | None

    @property
    def exponent(self) -> int | None:
        """Decimals of the currency's minor unit; None where a value is not an amount, or where the list of
        currencies does not have the code (no longer, or it was written by something else than the edge)."""
        if self.metric.unit is not Unit.MONEY or self.currency is None:
            return None
        return EXPONENTS.get(self.currency)


def series_of(view: ReleaseView, merchant: str, metric: Metric, currency: str | None) -> Iterator[MetricSeries]:
    """The series of a metric, in order. ``currency`` is the one asked for."""
    if not metric.by_currency:
        yield MetricSeries(metric, None)
    elif currency is not None or not set(metric.measures) & MONEY_MEASURES:
        yield MetricSeries(metric, currency)
    else:
        codes: list[str | None] = [*_currencies(view, merchant, metric.table)]
        yield from (MetricSeries(metric, code) for code in codes or [None])


class SeriesValues:
    """Values of a merchant's series between edges of buckets. What they share is read and summed once."""

    def __init__(self, view: ReleaseView, merchant: str, metrics: Iterable[Metric], edges: Ints) -> None:
        self._view = view
        self._edges = edges
        released = view.published.released_at.timestamp()
        self._begun = int((edges[:-1] * SLOT).searchsorted(released, side="left"))
        measures: dict[str, set[str]] = {}
        for metric in metrics:
            measures.setdefault(metric.table, set()).update(metric.measures)
        self._rows = {table: self._read(merchant, table, names) for table, names in measures.items()}
        self._sums: dict[tuple[str, str | None], BucketSums] = {}

    def of(self, series: MetricSeries) -> list[Value]:
        """None everywhere if the release has tables, and the series' is not among them."""
        rows = self._rows[series.metric.table]
        if rows is None:
            return [None] * (len(self._edges) - 1)
        key = (series.metric.table, series.currency)
        if key not in self._sums:
            self._sums[key] = BucketSums(rows, self._edges, self._number(series))
        return metric_values(series.metric, self._sums[key], self._begun)

    def _read(self, merchant: str, table: str, measures: set[str]) -> Rows | None:
        cached = self._view.tables.get(table)
        if cached is None and self._view.tables:
            return None
        runs = cached.runs if cached else ()
        first, last = int(self._edges[0]), int(self._edges[-1])
        return rows_at(runs, merchant.encode(), self._view.snapshot, first, last, measures)

    def _number(self, series: MetricSeries) -> int | None:
        if series.currency is None:
            return None
        cached = self._view.tables.get(series.metric.table)
        number = cached.currencies.find(series.currency) if cached else None
        return _NO_ROW_HAS_IT if number is None else number


def _currencies(view: ReleaseView, merchant: str, table: str) -> list[str]:
    cached = view.tables.get(table)
    if cached is None:
        return []
    numbers = currencies_at(cached.runs, merchant.encode(), view.snapshot)
    return sorted(cached.currencies.codes[number] for number in numbers if number)
