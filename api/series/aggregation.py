"""Sums of a bucket, and metrics of sums: integers and exact rounding, nothing else.

In: a merchant's rows and the boundaries of buckets. Out: one value a bucket. A ratio is computed from the sums of its
bucket and rounded half away from zero; a division by zero is None.
"""

from decimal import Decimal

import numpy as np

from api.serving.integers import Column, Ints
from api.serving.runs import Rows
from lakehouse.contracts.metrics import Metric, Sum, Unit

Value = int | float | Decimal | None
"""A Decimal stands where neither a 64-bit integer nor a float is exact; it is a plain number on the wire."""

RATIO_DIGITS = 6
_RATIO_SCALE = 10**RATIO_DIGITS
_EXACT_FLOAT = 10**15
_INT64 = 1 << 63


class BucketSums:
    """Sums of the measures of ``rows`` (those of one currency, or of all) for each bucket."""

    def __init__(self, rows: Rows, boundaries: Ints, currency: int | None) -> None:
        self._rows = rows
        self._chosen = None if currency is None else rows.currency == currency
        slot = rows.slot if self._chosen is None else rows.slot[self._chosen]
        self._places = np.searchsorted(slot, boundaries)
        self._sums: dict[str, Column] = {}

    def has_rows(self, bucket: int) -> bool:
        return bool(self._places[bucket] < self._places[bucket + 1])

    def of(self, measure: str) -> Column:
        if measure not in self._sums:
            column = self._rows.measures[measure]
            column = column if self._chosen is None else column[self._chosen]
            running = np.concatenate((_ZERO, np.cumsum(column, dtype=column.dtype)))
            self._sums[measure] = running[self._places[1:]] - running[self._places[:-1]]
        return self._sums[measure]

    def total(self, formula: Sum) -> Column:
        plus, minus = map(self.of, formula.plus), map(self.of, formula.minus)
        return sum(plus, start=_ZERO) - sum(minus, start=_ZERO)


_ZERO: Ints = np.zeros(1, dtype=np.int64)


def metric_values(metric: Metric, sums: BucketSums, started_buckets: int) -> list[Value]:
    """One value a bucket. The first ``started_buckets`` had begun when the release was published; a later one that
    holds nothing yet is not known."""
    top = sums.total(metric.numerator)
    found: list[Value]
    if metric.denominator is None:
        found = top.tolist() if top.dtype != object else [_plain(value) for value in top]
    else:
        digits = RATIO_DIGITS if metric.unit is Unit.RATIO else 0
        bottom = sums.total(metric.denominator).tolist()
        found = [quotient(a, b, digits) for a, b in zip(top.tolist(), bottom, strict=True)]
    for bucket in range(started_buckets, len(found)):
        if not sums.has_rows(bucket):
            found[bucket] = None
    return found


def quotient(top: int, bottom: int, digits: int) -> Value:
    """``top / bottom`` to so many decimals (0: an integer), half away from zero; None over 0."""
    if bottom == 0:
        return None
    rounded = divide_half_away(top * 10**digits, bottom)
    if digits == 0:
        return _plain(rounded)
    if abs(rounded) < _EXACT_FLOAT:
        return float(rounded / 10**digits)
    return Decimal(f"{rounded}e-{digits}")


def divide_half_away(top: int, bottom: int) -> int:
    """The integer nearest to ``top / bottom``; of two equally near, the one further from zero."""
    size = (2 * abs(top) + abs(bottom)) // (2 * abs(bottom))
    return size if (top < 0) == (bottom < 0) else -size


def _plain(value: int) -> Value:
    return value if -_INT64 <= value < _INT64 else Decimal(value)
