"""The serving copy of one gold table: sorted, immutable runs of rows, like a small log-structured merge tree.

In: rows of a gold table (append-only, each with the snapshot that wrote it; ``gold_rows`` reads them). Out: the rows
of a merchant in any snapshot. Keeps the half of promise 4 that is a filter: the row of a key in snapshot S is the one
with the greatest ``snapshot`` <= S, so one copy answers for every release of its gold version.

A run is a handful of flat arrays and an index of merchants, all of fixed width, so that a memory-mapped file can take
the place of memory without a change here. Amounts are 64-bit integers; a column that could overflow them when summed
is kept as Python integers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Column = npt.NDArray[Any]
"""int64, or Python integers (dtype object)."""

MERCHANT_WIDTH = 64
SAFE_SUM = 1 << 58
"""Sums of absolute values stay below this in int64; formulas add at most a few of them."""


_NOTHING: Ints = np.zeros(0, dtype=np.int64)


class Currencies:
    """Numbers for currency codes, given in the order of appearance. Number 0 is '' (no currency)."""

    def __init__(self) -> None:
        self.codes: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}

    def number(self, code: str) -> int:
        if code not in self._numbers:
            self._numbers[code] = len(self.codes)
            self.codes.append(code)
        return self._numbers[code]

    def find(self, code: str) -> int | None:
        return self._numbers.get(code)


@dataclass(frozen=True, eq=False)
class Run:
    """Rows sorted by merchant, slot, currency and snapshot.

    Merchant i has the rows from ``offsets[i]`` (included) to ``offsets[i + 1]`` (not).
    """

    merchants: npt.NDArray[np.bytes_]
    offsets: Ints
    slot: npt.NDArray[np.int32]
    currency: npt.NDArray[np.int16]
    snapshot: npt.NDArray[np.int32]
    measures: dict[str, Column]

    def __len__(self) -> int:
        return len(self.slot)

    def rows_of(self, merchant: bytes) -> slice:
        place = int(np.searchsorted(self.merchants, merchant))
        if place == len(self.merchants) or self.merchants[place] != merchant:
            return slice(0, 0)
        return slice(int(self.offsets[place]), int(self.offsets[place + 1]))


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one merchant in one snapshot, one for each slot and currency, sorted by slot."""

    slot: npt.NDArray[np.int32]
    currency: npt.NDArray[np.int16]
    measures: dict[str, Column]


def merge(runs: list[Run]) -> Run:
    """One run with the rows of all."""
    merchants = np.unique(np.concatenate([run.merchants for run in runs]))
    numbers = np.concatenate(
        [np.repeat(np.searchsorted(merchants, run.merchants), np.diff(run.offsets)) for run in runs]
    )
    slot, currency, snapshot = (
        np.concatenate([getattr(run, name) for run in runs]) for name in ("slot", "currency", "snapshot")
    )
    order = np.lexsort((snapshot, currency, slot, numbers))
    counts = np.bincount(numbers, minlength=len(merchants))
    return Run(
        merchants,
        np.concatenate(([0], np.cumsum(counts))),
        slot[order],
        currency[order],
        snapshot[order],
        {name: np.concatenate([run.measures[name] for run in runs])[order] for name in runs[0].measures},
    )


def add_run(runs: tuple[Run, ...], new: Run) -> tuple[Run, ...]:
    """The runs with one more; runs of like size are merged, so that there are few (the logarithm of the rows)."""
    if len(new) == 0:
        return runs
    kept = [*runs, new]
    while len(kept) > 1 and len(kept[-2]) <= 2 * len(kept[-1]):
        kept[-2:] = [merge(kept[-2:])]
    return tuple(kept)


def rows_at(runs: tuple[Run, ...], merchant: bytes, snapshot: int, first: int, last: int, names: Iterable[str]) -> Rows:
    """The merchant's rows with ``first`` <= slot < ``last`` as they were in a snapshot, with the measures named."""
    parts = [(run, _window(run, merchant, first, last)) for run in runs]
    parts = [(run, rows) for run, rows in parts if rows.start < rows.stop]
    if not parts:
        return Rows(_NOTHING.astype(np.int32), _NOTHING.astype(np.int16), dict.fromkeys(names, _NOTHING))
    slot = np.concatenate([run.slot[rows] for run, rows in parts])
    currency = np.concatenate([run.currency[rows] for run, rows in parts])
    written = np.concatenate([run.snapshot[rows] for run, rows in parts])
    keep = _newest(slot, currency, written, snapshot)
    measures = {
        name: safe_to_sum(np.concatenate([run.measures[name][rows] for run, rows in parts])[keep]) for name in names
    }
    return Rows(slot[keep], currency[keep], measures)


def currencies_at(runs: tuple[Run, ...], merchant: bytes, snapshot: int) -> set[int]:
    """Numbers of the currencies that the merchant has a row of, at any time, in a snapshot."""
    found: set[int] = set()
    for run in runs:
        rows = run.rows_of(merchant)
        known = run.currency[rows][run.snapshot[rows] <= snapshot]
        found.update(np.flatnonzero(np.bincount(known)).tolist())
    return found


def safe_to_sum(column: Column) -> Column:
    """The column as int64 if no sum of its values can overflow, else as Python integers."""
    if column.dtype == object or not len(column):
        return column
    largest = max(int(column.max()), -int(column.min()))
    return column if largest * len(column) < SAFE_SUM else column.astype(object)


def _window(run: Run, merchant: bytes, first: int, last: int) -> slice:
    rows = run.rows_of(merchant)
    begin, end = np.searchsorted(run.slot[rows], (first, last))
    return slice(rows.start + int(begin), rows.start + int(end))


def _newest(
    slot: npt.NDArray[np.int32], currency: npt.NDArray[np.int16], written: npt.NDArray[np.int32], snapshot: int
) -> Ints:
    """Places of the rows with the greatest snapshot <= ``snapshot`` of each slot and currency, sorted."""
    known = np.flatnonzero(written <= snapshot)
    order: Ints = known[np.lexsort((written[known], currency[known], slot[known]))]
    if len(order) < 2:
        return order
    same_key = (slot[order[1:]] == slot[order[:-1]]) & (currency[order[1:]] == currency[order[:-1]])
    newest: Ints = order[np.append(~same_key, True)]
    return newest
