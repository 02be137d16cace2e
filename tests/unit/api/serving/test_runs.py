"""The serving copy against a plain dictionary of what each snapshot wrote."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.series.buckets import SLOT
from api.serving.gold_rows import run_from_arrow
from api.serving.integers import BESIDE, safe_to_sum
from api.serving.runs import Currencies, Run, add_run, currencies_at, merge, rows_at, snapshots_at, to_merge

MERCHANTS = ["a", "ab", "b", "shop-1", "Z" * 64]
CODES = ["", "BRL", "JPY", "KWD"]
MEASURES = ("gross_sales", "orders")
Row = tuple[str, int, str, int, int]

AMOUNTS = st.one_of(
    st.integers(-50, 50),
    *(st.integers(edge - 2, edge + 2) for bits in (7, 15, 31, 63, 64) for edge in (-(1 << bits), 1 << bits)),
    st.integers(-(10**32), 10**32),
)
ROWS = st.tuples(
    st.sampled_from(MERCHANTS),
    st.integers(0, 12),
    st.sampled_from(CODES),
    AMOUNTS,
    st.integers(0, 9),
)
BATCHES = st.lists(st.lists(ROWS, max_size=25), min_size=1, max_size=12)


def arrow(rows: list[Row], snapshot: int) -> pa.Table:
    return pa.table(
        {
            "merchant_id": pa.array([row[0] for row in rows], pa.string()),
            "slot": pa.array([datetime.fromtimestamp(row[1] * SLOT, UTC) for row in rows], pa.timestamp("us", "UTC")),
            "currency": pa.array([row[2] for row in rows], pa.string()),
            "gross_sales": pa.array([Decimal(row[3]) for row in rows], pa.decimal128(38, 0)),
            "orders": pa.array([row[4] for row in rows], pa.int64()),
            "snapshot": pa.array([snapshot] * len(rows), pa.int64()),
        }
    )


def _load(batches: list[list[Row]], order: list[int]) -> tuple[tuple[Run, ...], Currencies]:
    """A snapshot writes a key once: the last row of a batch stands."""
    currencies = Currencies()
    runs: tuple[Run, ...] = ()
    for number in order:
        unique = list({row[:3]: row for row in batches[number]}.values())
        runs = add_run(runs, run_from_arrow(arrow(unique, number + 1), MEASURES, currencies))
    return runs, currencies


def _truth(batches: list[list[Row]], snapshot: int) -> dict[str, dict[tuple[int, str], tuple[int, int]]]:
    known: dict[str, dict[tuple[int, str], tuple[int, int]]] = defaultdict(dict)
    for batch in batches[:snapshot]:
        for merchant, slot, currency, amount, count in batch:
            known[merchant][slot, currency] = (amount, count)
    return known


@given(BATCHES, st.data())
@settings(max_examples=200)
def test_every_snapshot_reads_as_it_was(batches: list[list[Row]], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(batches))))
    runs, currencies = _load(batches, order)
    first = data.draw(st.integers(0, 12))
    last = data.draw(st.integers(first, 13))
    for snapshot in range(len(batches) + 1):
        truth = _truth(batches, snapshot)
        for merchant in [*MERCHANTS, "nobody", "aa"]:
            rows = rows_at(runs, merchant.encode(), snapshot, first, last, MEASURES)
            found = _as_dict(rows.slot, rows.currency, rows.measures, currencies)
            inside = {key: value for key, value in truth[merchant].items() if first <= key[0] < last}
            assert found == inside
            numbers = currencies_at(runs, merchant.encode(), snapshot)
            assert {currencies.codes[n] for n in numbers} == {key[1] for key in truth[merchant]}


def _as_dict(slot: Any, currency: Any, measures: Any, currencies: Currencies) -> dict[Any, Any]:
    keys = [(s, currencies.codes[c]) for s, c in zip(slot.tolist(), currency.tolist(), strict=True)]
    assert len(set(keys)) == len(keys)
    assert [key[0] for key in keys] == sorted(key[0] for key in keys)
    return dict(zip(keys, zip(*(measures[name].tolist() for name in MEASURES), strict=True), strict=True))


@given(BATCHES, st.integers(0, 12), st.integers(0, 13))
def test_the_snapshots_that_wrote_rows(batches: list[list[Row]], first: int, last: int) -> None:
    runs, _ = _load(batches, list(range(len(batches))))
    for merchant in [*MERCHANTS, "nobody"]:
        wrote = [any(row[0] == merchant and first <= row[1] < last for row in batch) for batch in batches]
        expected = [number + 1 for number, rows in enumerate(wrote) if rows]
        assert snapshots_at(runs, merchant.encode(), first, last).tolist() == expected


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_runs_stay_few(sizes: list[int]) -> None:
    runs: tuple[Run, ...] = ()
    currencies = Currencies()
    for number, size in enumerate(sizes):
        rows: list[Row] = [("m", slot, "", 1, 1) for slot in range(size)]
        runs = add_run(runs, run_from_arrow(arrow(rows, number + 1), MEASURES, currencies))
    assert sum(map(len, runs)) == sum(sizes)
    assert len(runs) <= max(1, sum(sizes).bit_length())


@given(BATCHES)
def test_what_is_merged_later_reads_the_same(batches: list[list[Row]]) -> None:
    currencies = Currencies()
    runs: tuple[Run, ...] = ()
    for number, batch in enumerate(batches):
        unique = list({row[:3]: row for row in batch}.values())
        new = run_from_arrow(arrow(unique, number + 1), MEASURES, currencies)
        runs = add_run(runs, new, at_once=0)
    assert len(runs) == sum(map(bool, batches)), "nothing is merged while a release waits"
    few = runs
    while parts := to_merge(few):
        first = few.index(parts[0])
        few = (*few[:first], merge(parts), *few[first + len(parts) :])
    assert len(few) <= max(1, sum(map(len, few)).bit_length())
    for merchant in MERCHANTS:
        for snapshot in range(len(batches) + 1):
            one, other = (rows_at(some, merchant.encode(), snapshot, 0, 13, MEASURES) for some in (runs, few))
            assert _as_dict(one.slot, one.currency, one.measures, currencies) == _as_dict(
                other.slot, other.currency, other.measures, currencies
            )


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=40))
def test_sums_never_overflow(values: list[int]) -> None:
    column = safe_to_sum(np.array(values, dtype=np.int64))
    assert int(np.sum(column)) == sum(values)


def _shop(number: int, amount: int, rows: int) -> list[Row]:
    return [(f"shop-{number}", slot, "BRL", amount, 1) for slot in range(rows)]


def _amounts_of(run: Run, number: int) -> Any:
    return rows_at((run,), f"shop-{number}".encode(), 9, 0, 10**6, ("gross_sales",)).measures["gross_sales"]


@pytest.mark.parametrize("amount", [10**13, 10**19, -(10**32)])
def test_one_merchant_s_amount_leaves_the_others_as_they_are(amount: int) -> None:
    """Made with them or merged with them: their rows keep their width, and the sums their speed."""
    currencies = Currencies()
    made = run_from_arrow(arrow([*_shop(1, 300, 3000), *_shop(2, amount, 1)], 1), MEASURES, currencies)
    alone = [
        run_from_arrow(arrow(rows, 1), MEASURES, currencies) for rows in (_shop(1, 300, 3000), _shop(2, amount, 1))
    ]
    for run in (made, merge(alone)):
        column = run.measures["gross_sales"]
        assert column.narrow.dtype == np.int16
        assert column.nbytes == 2 * len(run) + BESIDE
        assert _amounts_of(run, 1).dtype == np.int64
        assert _amounts_of(run, 2).tolist() == [amount]


def test_a_table_without_a_currency_or_a_newer_measure() -> None:
    table = arrow([("a", 3, "BRL", 7, 2)], 1).drop_columns(["currency", "gross_sales"])
    runs = add_run((), run_from_arrow(table, MEASURES, Currencies()))
    rows = rows_at(runs, b"a", 1, 0, 10, MEASURES)
    assert rows.measures["gross_sales"].tolist() == [0]
    assert rows.measures["orders"].tolist() == [2]
    assert currencies_at(runs, b"a", 1) == {0}
