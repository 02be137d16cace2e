"""Lines: the series of an answer, and the values of each.

In: a release's tables, a merchant, metrics, edges of buckets. Out: which series there are, and one value a bucket.

- Money, and ratios of money, give one series a currency: those that the merchant has a row of at any time, sorted; one
  with currency null and zeros where there is none; or with ``currency`` exactly that one.
- Counts of orders are summed over currencies unless one is asked for. Other counts know no currency.
- A bucket that begins at or after the release and holds nothing is None: it is not known yet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.buckets import SLOT
from api.figures import BucketSums, Value, values
from api.integers import Ints
from api.runs import Rows, currencies_at, rows_at
from api.visible import ReleaseView
from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.metrics import Metric, Unit
from lakehouse.contracts.tables import MONEY_MEASURES

_NO_ROW_HAS_IT = -1


@dataclass(frozen=True)
class Line:
    """A metric, and the currency of its rows (None: all rows)."""

    metric: Metric
    currency: str | None

    @property
    def exponent(self) -> int | None:
        """Decimals of the currency's minor unit; None where a value is not an amount, or the edge does not know the
        code that a stranger has written, or does not know it any more."""
        if self.metric.unit is not Unit.MONEY or self.currency is None:
            return None
        return EXPONENTS.get(self.currency)


def lines_of(view: ReleaseView, merchant: str, metric: Metric, currency: str | None) -> Iterator[Line]:
    """The series of a metric, in order. ``currency`` is the one asked for."""
    if not metric.by_currency:
        yield Line(metric, None)
    elif currency is not None or not set(metric.measures) & MONEY_MEASURES:
        yield Line(metric, currency)
    else:
        codes: list[str | None] = [*_currencies(view, merchant, metric.table)]
        yield from (Line(metric, code) for code in codes or [None])


class Figures:
    """Values of a merchant's lines between edges of buckets. What lines share is read and summed once."""

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

    def of(self, line: Line) -> list[Value]:
        """None everywhere if the release has tables, and the line's is not among them."""
        rows = self._rows[line.metric.table]
        if rows is None:
            return [None] * (len(self._edges) - 1)
        key = (line.metric.table, line.currency)
        if key not in self._sums:
            self._sums[key] = BucketSums(rows, self._edges, self._number(line))
        return values(line.metric, self._sums[key], self._begun)

    def _read(self, merchant: str, table: str, measures: set[str]) -> Rows | None:
        copy = self._view.tables.get(table)
        if copy is None and self._view.tables:
            return None
        runs = copy.runs if copy else ()
        first, last = int(self._edges[0]), int(self._edges[-1])
        return rows_at(runs, merchant.encode(), self._view.snapshot, first, last, measures)

    def _number(self, line: Line) -> int | None:
        if line.currency is None:
            return None
        copy = self._view.tables.get(line.metric.table)
        number = copy.currencies.find(line.currency) if copy else None
        return _NO_ROW_HAS_IT if number is None else number


def _currencies(view: ReleaseView, merchant: str, table: str) -> list[str]:
    copy = view.tables.get(table)
    if copy is None:
        return []
    numbers = currencies_at(copy.runs, merchant.encode(), view.snapshot)
    return sorted(copy.currencies.codes[number] for number in numbers if number)
