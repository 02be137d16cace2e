"""Sums and ratios against the arithmetic of fractions."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.schemas import encode
from api.series.aggregation import BucketSums, divide_half_away, metric_values, quotient
from api.serving.integers import safe_to_sum
from api.serving.runs import Rows
from lakehouse.contracts.metrics import METRICS

WHOLE = st.one_of(st.integers(-1000, 1000), st.integers(-(10**30), 10**30))


@given(WHOLE, WHOLE.filter(bool))
@example(1, 2)
@example(-1, 2)
@example(5, -2)
def test_rounding_is_half_away_from_zero(top: int, bottom: int) -> None:
    exact = Fraction(top, bottom)
    found = divide_half_away(top, bottom)
    assert abs(found - exact) <= Fraction(1, 2)
    if abs(found - exact) == Fraction(1, 2):
        assert abs(found) > abs(exact)


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_ratios_have_six_decimals(top: int, bottom: int) -> None:
    with localcontext(prec=60):
        expected = (Decimal(top) / Decimal(bottom)).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    assert Decimal(encode(quotient(top, bottom, 6)).decode()) == expected


@pytest.mark.parametrize(("top", "expected"), [(0, b"null"), (7, b"null")])
def test_over_nothing_is_null(top: int, expected: bytes) -> None:
    assert encode(quotient(top, 0, 6)) == expected


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2), WHOLE, st.integers(0, 99)), max_size=60),
    st.lists(st.integers(0, 40), min_size=2, max_size=12, unique=True),
    st.sampled_from([None, 0, 1, 2, -1]),
)
def test_bucket_sums(rows: list[Any], edges: list[int], currency: int | None) -> None:
    rows = sorted({row[:2]: row for row in rows}.values())
    edges.sort()
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    amounts = np.array(columns[2], dtype=object)
    small = bool(rows) and max(abs(value) for value in columns[2]) < 2**62
    measures = {
        "gross_sales": safe_to_sum(amounts.astype(np.int64)) if small else amounts,
        "discounts": np.zeros(len(rows), dtype=np.int64),
        "orders": np.array(columns[3], dtype=np.int64),
    }
    arrays = Rows(np.array(columns[0], dtype=np.int32), np.array(columns[1], dtype=np.int16), measures)
    sums = BucketSums(arrays, np.array(edges), currency)
    chosen = [row for row in rows if currency is None or row[1] == currency]
    for metric, place in (("gross_sales", 2), ("orders", 3)):
        truth = [sum(row[place] for row in chosen if begin <= row[0] < end) for begin, end in pairwise(edges)]
        found = metric_values(METRICS[metric], sums, started_buckets=len(truth))
        assert [int(value) for value in found if value is not None] == truth
        assert encode(found) == f"[{','.join(map(str, truth))}]".encode()


def test_a_bucket_that_has_not_begun_is_null_unless_it_holds_something() -> None:
    rows = Rows(np.array([5], np.int32), np.array([0], np.int16), {"orders": np.array([0], np.int64)})
    sums = BucketSums(rows, np.array([0, 2, 4, 6, 8]), None)
    assert metric_values(METRICS["orders"], sums, started_buckets=1) == [0, None, 0, None]
