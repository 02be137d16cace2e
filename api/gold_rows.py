"""Rows of a gold table, from Arrow to a run of the serving copy.

In: an Arrow table with the columns of a gold table (``contracts.tables``), in any order of rows. Out: a :class:`Run`.
Exact: a DECIMAL(38,0) that does not fit 64 bits makes its column one of Python integers.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from api.buckets import SLOT
from api.runs import MERCHANT_WIDTH, Column, Currencies, Ints, Run

KEY_COLUMNS = ("merchant_id", "slot", "currency", "snapshot")


def run_from_arrow(table: pa.Table, measures: tuple[str, ...], currencies: Currencies) -> Run:
    """One run of the rows of ``table``, whose columns are those of a gold table, in any order."""
    coded = pa.table(
        {
            "merchant": table["merchant_id"],
            "slot": _slots(table["slot"]),
            "currency": _currency_numbers(table, currencies),
            "snapshot": pc.cast(table["snapshot"], pa.int32()),
            "row": np.arange(len(table)),
        }
    ).sort_by([(name, "ascending") for name in ("merchant", "slot", "currency", "snapshot")])
    order = _numbers(coded["row"])
    merchants, offsets = _index(coded["merchant"])
    return Run(
        merchants,
        offsets,
        _numbers(coded["slot"]).astype(np.int32),
        _numbers(coded["currency"]).astype(np.int16),
        _numbers(coded["snapshot"]).astype(np.int32),
        {name: _measure(table, name)[order] for name in measures},
    )


def _slots(column: pa.ChunkedArray) -> pa.ChunkedArray:
    units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    stamps = pc.cast(column, pa.int64())
    return pc.cast(pc.divide(stamps, SLOT * units[column.type.unit]), pa.int32())


def _currency_numbers(table: pa.Table, currencies: Currencies) -> Column:
    if "currency" not in table.column_names:
        return np.zeros(len(table), dtype=np.int16)
    coded = table["currency"].fill_null("").combine_chunks().dictionary_encode()
    lookup = [currencies.number(code) for code in coded.dictionary.to_pylist()]
    numbers: Column = np.array(lookup, dtype=np.int16)[coded.indices.to_numpy(zero_copy_only=False)]
    return numbers


def _measure(table: pa.Table, name: str) -> Column:
    """A column as int64, or as Python integers where one does not fit. A version without the column has nothing."""
    if name not in table.column_names:
        return np.zeros(len(table), dtype=np.int64)
    column = table[name].combine_chunks()
    try:
        return _numbers(pc.cast(column, pa.int64()).fill_null(0))
    except pa.ArrowInvalid:
        return np.array([int(value or 0) for value in column.to_pylist()], dtype=object)


def _numbers(column: Any) -> Column:
    array: Column = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    return array


def _index(sorted_merchants: pa.ChunkedArray) -> tuple[npt.NDArray[np.bytes_], Ints]:
    """The distinct merchants of a sorted column, and where the rows of each begin, with the end as the last."""
    coded = sorted_merchants.combine_chunks().dictionary_encode()
    names = np.array(coded.dictionary.to_pylist(), dtype=f"S{MERCHANT_WIDTH}")
    counts = np.bincount(coded.indices.to_numpy(zero_copy_only=False), minlength=len(names))
    return names, np.concatenate(([0], np.cumsum(counts)))
