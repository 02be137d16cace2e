"""Rows of a gold table, from Arrow to a run of a cached table.

In: an Arrow table with the columns of a gold table (``contracts.tables``), in any order of rows. Out: a :class:`Run`.
Exact: a DECIMAL(38,0) is read as the 128 bits that it is, never by way of Python objects.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from api.serving.integers import Column, Integers, Ints, of_int64, of_limbs
from api.serving.runs import MERCHANT_WIDTH, Currencies, Run, fixed_width
from lakehouse.contracts.tables import SLOT_SECONDS

KEY_COLUMNS = ("merchant_id", "slot", "currency", "snapshot")
CODED_COLUMNS = ("merchant_id", "currency")
"""Few distinct values: best read as the dictionary that they are on disk."""


def run_from_arrow(table: pa.Table, measures: tuple[str, ...], currencies: Currencies) -> Run:
    """One run of the rows of ``table``, whose columns are those of a gold table, in any order."""
    merchants, numbers = _merchants(table["merchant_id"])
    slot = _slots(table["slot"])
    order = np.argsort(numbers << 32 | slot)
    return Run(
        merchants,
        np.concatenate(([0], np.cumsum(np.bincount(numbers, minlength=len(merchants))))),
        slot.take(order).astype(np.int32),
        _currency_numbers(table, currencies).take(order),
        _numbers(pc.cast(table["snapshot"], pa.int32())).take(order),
        {name: _measure(table, name).take(order) for name in measures},
    )


def _merchants(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.bytes_], Ints]:
    """The distinct merchants, sorted, and the number of each row's."""
    coded = _coded(column)
    padded = pc.ascii_rpad(coded.dictionary.cast(pa.string()), width=MERCHANT_WIDTH, padding="\0")
    names = fixed_width(padded.buffers()[2], len(padded))
    order = np.argsort(names)
    places = np.empty(len(names), dtype=np.int64)
    places[order] = np.arange(len(names))
    return names[order], places.take(coded.indices.to_numpy(zero_copy_only=False))


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return column.unify_dictionaries().combine_chunks()


def _slots(column: pa.ChunkedArray) -> Ints:
    units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    slots: Ints = _numbers(pc.divide(pc.cast(column, pa.int64()), SLOT_SECONDS * units[column.type.unit]))
    return slots


def _currency_numbers(table: pa.Table, currencies: Currencies) -> Column:
    if "currency" not in table.column_names:
        return np.zeros(len(table), dtype=np.int16)
    coded = _coded(table["currency"])
    lookup = [currencies.number(code or "") for code in coded.dictionary.to_pylist()]
    numbers: Column = np.array([*lookup, 0], dtype=np.int16).take(_numbers(coded.indices.fill_null(len(lookup))))
    return numbers


def _measure(table: pa.Table, name: str) -> Integers:
    """A column of counts or amounts. A version without it has nothing."""
    if name not in table.column_names:
        return of_int64(np.zeros(len(table), dtype=np.int64))
    column = table[name].combine_chunks()
    if pa.types.is_integer(column.type):
        return of_int64(_numbers(pc.cast(column, pa.int64()).fill_null(0)))
    amounts = pc.fill_null(pc.cast(column, _AMOUNT), pa.scalar(0, _AMOUNT))
    data = np.frombuffer(amounts.buffers()[1] or b"", dtype=np.int64)
    return of_limbs(data.reshape(-1, 2)[amounts.offset : amounts.offset + len(amounts)])


_AMOUNT = pa.decimal128(38, 0)


def _numbers(column: Any) -> Column:
    array: Column = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    return array
