"""Columns of integers of any size against plain lists, and what they cost."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.serving.gold_rows import run_from_arrow
from api.serving.integers import BESIDE, Integers, joined, of_int64, of_limbs
from api.serving.runs import Currencies, Run, merge

EDGES = [sign * (1 << bits) + off for bits in (7, 15, 31, 63, 64, 100) for sign in (-1, 1) for off in (-1, 0, 1)]
VALUES = st.one_of(st.integers(-3, 3), st.sampled_from(EDGES), st.integers(-(10**32), 10**32))
LISTS = st.lists(VALUES, max_size=30)
MANY = 1_000_000


def column(values: list[int]) -> Integers:
    """By the way of Arrow's decimals, as they lie in memory."""
    data = b"".join(value.to_bytes(16, "little", signed=True) for value in values)
    return of_limbs(np.frombuffer(data, dtype=np.int64).reshape(-1, 2))


def listed(found: Integers) -> list[int]:
    assert (np.diff(found.rows) > 0).all()
    assert not found.narrow[found.rows].any()
    return [int(value) for value in found[0 : len(found)]]


@given(LISTS, st.data())
@settings(max_examples=300)
@example([-(1 << 63), (1 << 63) - 1, 1 << 63, -(1 << 63) - 1], None)
def test_any_window_of_any_values(values: list[int], data: st.DataObject | None) -> None:
    found = column(values)
    assert listed(found) == values
    if data is not None:
        first = data.draw(st.integers(0, len(values)))
        last = data.draw(st.integers(first, len(values)))
        window = found[first:last]
        assert window.tolist() == values[first:last]
        assert (window.dtype == object) == any(not -(1 << 63) <= value < 1 << 63 for value in values[first:last])


@given(st.lists(LISTS, min_size=1, max_size=5), st.data())
@settings(max_examples=300)
def test_joined_and_taken_in_any_order(parts: list[list[int]], data: st.DataObject) -> None:
    values = [value for part in parts for value in part]
    whole = joined([column(part) for part in parts])
    assert listed(whole) == values
    order = data.draw(st.permutations(range(len(values))))
    taken = whole.take(np.array(order, dtype=np.int64))
    assert listed(taken) == [values[place] for place in order]
    width = data.draw(st.sampled_from([np.int8, np.int16, np.int32, np.int64]))
    assert listed(taken.within(np.dtype(width))) == listed(taken)


@given(LISTS, st.integers(0, 40))
def test_no_width_would_be_cheaper(values: list[int], ordinary: int) -> None:
    values = values + [7] * ordinary
    found = column(values)
    costs = []
    for size in (1, 2, 4, 8):
        limit = 1 << (8 * size - 1)
        costs.append(size * len(values) + BESIDE * sum(not -limit <= value < limit for value in values))
    assert found.nbytes == min(costs)


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=30))
def test_counts_of_64_bits(values: list[int]) -> None:
    assert listed(of_int64(np.array(values, dtype=np.int64))) == values


def _sales(amounts: dict[int, int]) -> pa.Table:
    """A million rows of a thousand merchants; some have another amount than a few hundred."""
    rows = np.arange(MANY)
    limbs = np.stack((rows % 300, np.zeros(MANY, dtype=np.int64)), axis=1)
    for row, amount in amounts.items():
        limbs[row] = np.frombuffer(amount.to_bytes(16, "little", signed=True), dtype=np.int64)
    names = pa.array([f"shop-{number:03}" for number in range(1000)])
    return pa.table(
        {
            "merchant_id": pa.DictionaryArray.from_arrays(pa.array(rows // 1000), names),
            "slot": pa.array(rows % 1000 * 900_000_000, pa.timestamp("us", "UTC")),
            "gross_sales": pa.Array.from_buffers(pa.decimal128(38, 0), MANY, [None, pa.py_buffer(limbs.tobytes())]),
            "snapshot": pa.array(np.ones(MANY, dtype=np.int64)),
        }
    )


def _run(table: pa.Table) -> Run:
    return run_from_arrow(table, ("gross_sales",), Currencies())


def _peak(work: Callable[[], Any]) -> tuple[int, Any]:
    tracemalloc.start()
    try:
        found = work()
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("amount", [10**13, 10**19, -(10**32)])
def test_one_amount_of_a_million_costs_its_own_bytes(amount: int) -> None:
    """In the run that is kept, while it is read (a Python object for each row would be 40 MB), and while it is
    merged."""
    plain, wide = _sales({}), _sales({500_500: amount})
    peak, ordinary = _peak(lambda: _run(plain))
    peak_with, run = _peak(lambda: _run(wide))
    assert run.measures["gross_sales"].nbytes - ordinary.measures["gross_sales"].nbytes <= BESIDE
    assert peak_with - peak < 2 * MANY, "a few flags for each row at most"
    peak, _ = _peak(lambda: merge([ordinary, ordinary]))
    peak_with, both = _peak(lambda: merge([ordinary, run]))
    assert both.measures["gross_sales"].nbytes == 2 * 2 * MANY + BESIDE
    assert peak_with - peak < 2 * 2 * MANY + MANY


def test_a_column_of_wide_amounts_costs_in_proportion() -> None:
    wide = _sales({row: 10**20 + row for row in range(0, MANY, 2)})
    peak, run = _peak(lambda: _run(wide))
    assert run.measures["gross_sales"].nbytes <= 2 * MANY + BESIDE * MANY // 2
    assert peak < 120 * MANY, "as many Python objects would be more"
    both = merge([run, _run(_sales({}))]).measures["gross_sales"]
    assert both.nbytes <= 2 * 2 * MANY + BESIDE * MANY // 2
    assert sum(both[0:2000].tolist()) == sum(10**20 + row for row in range(0, 1000, 2)) + sum(
        row % 300 for row in [*range(1, 1000, 2), *range(1000)]
    )
