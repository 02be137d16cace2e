"""The history that benchmarks rebuild: of the size wanted, with repeats, in the shape of bronze."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from bench.history import REPEATED, History
from lakehouse.contracts.tables import BRONZE_COLUMNS

END = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    history = History(rows=9_000, days=20, end=END)
    history.__dict__["copies"] = 3
    return pa.concat_tables(history.commits())


def test_columns_and_size(rows: pa.Table) -> None:
    assert rows.column_names == list(BRONZE_COLUMNS)
    assert 9_000 * 0.7 < len(rows) / 3 < 9_000 * 1.3


def test_positions_are_distinct_and_in_order(rows: pa.Table) -> None:
    assert rows["seq"].to_pylist() == list(range(len(rows)))


def test_nothing_is_accepted_before_it_happens(rows: pa.Table) -> None:
    pairs = zip(rows["time"].to_pylist(), rows["accepted_at"].to_pylist(), strict=True)
    assert all(time < accepted for time, accepted in pairs)


def test_one_of_a_hundred_is_a_repeat(rows: pa.Table) -> None:
    identities = list(zip(*(rows[name].to_pylist() for name in ("merchant_id", "source", "id")), strict=True))
    repeats = len(identities) - len(set(identities))
    assert len(set(identities)) / REPEATED * 0.9 < repeats < len(set(identities)) / REPEATED * 1.2
    assert {merchant[:6] for merchant, _, _ in identities} == {"m0000-", "m0001-", "m0002-"}
