"""Columns of exact integers: in the few bits that nearly all rows need, and beside them the rows that need more.

In: 64-bit integers, or Arrow's 128-bit decimals, and the order in which rows are wanted. Out: :class:`Integers`, whose
slices are numpy arrays. A value that does not fit costs :data:`BESIDE` bytes and leaves everybody else's rows as narrow
as they were; only who asks for its rows meets Python integers.

All arrays are of fixed width, and no step goes through Python objects but the slice of a window with a value beyond 64
bits, so that other threads run meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Column = npt.NDArray[Any]
"""Integers of any width, or Python integers (dtype object)."""

SAFE_SUM = 1 << 58
"""Sums of absolute values stay below this in int64; formulas add at most a few of them."""
BESIDE = 24
"""Bytes of a row that does not fit: its number and 128 bits."""

_WIDTHS = tuple(np.dtype(kind) for kind in (np.int64, np.int32, np.int16, np.int8))
_LOW_BITS = (1 << 64) - 1


@dataclass(frozen=True, eq=False)
class Integers:
    """Row i is ``narrow[i]``; but row ``rows[j]`` (they rise) is ``limbs[j]``: the low and high 64 bits of a number in
    two's complement, which does not fit ``narrow``, where it is 0."""

    narrow: Column
    rows: Ints
    limbs: Ints

    def __len__(self) -> int:
        return len(self.narrow)

    @property
    def nbytes(self) -> int:
        return self.narrow.nbytes + self.rows.nbytes + self.limbs.nbytes

    def __getitem__(self, window: slice) -> Column:
        """Integers of 64 bits or fewer if the values there fit, else Python integers."""
        column = self.narrow[window]
        if not len(self.rows):
            return column
        start, stop, _ = window.indices(len(self))
        first, last = np.searchsorted(self.rows, (start, stop))
        if first == last:
            return column
        limbs = self.limbs[first:last]
        kind = np.int64 if _fit(limbs, _WIDTHS[0]).all() else object
        column = column.astype(kind)
        column[self.rows[first:last] - start] = limbs[:, 0] if kind is np.int64 else _exact(limbs)
        return column

    def take(self, order: Ints) -> "Integers":
        """The rows in another order."""
        narrow = self.narrow.take(order)
        if not len(self.rows):
            return Integers(narrow, self.rows, self.limbs)
        is_beside = np.zeros(len(self), dtype=bool)
        is_beside[self.rows] = True
        rows = np.flatnonzero(is_beside.take(order))
        return Integers(narrow, rows, self.limbs.take(np.searchsorted(self.rows, order.take(rows)), axis=0))

    def within(self, width: np.dtype[Any]) -> "Integers":
        """The same numbers, with those beside that do not fit this width."""
        if self.narrow.dtype == width:
            return self
        narrow = self.narrow.astype(width)
        out = np.flatnonzero(narrow != self.narrow) if width.itemsize < self.narrow.itemsize else _NO_ROWS
        stay = ~_fit(self.limbs, width)
        narrow[out] = 0
        narrow[self.rows[~stay]] = self.limbs[~stay, 0]
        low = self.narrow.take(out).astype(np.int64)
        rows = np.concatenate((self.rows[stay], out))
        limbs = np.concatenate((self.limbs[stay], np.stack((low, low >> 63), axis=1)))
        order = np.argsort(rows, kind="stable")
        return Integers(narrow, rows.take(order), limbs.take(order, axis=0))

    def count_beside(self, width: np.dtype[Any]) -> int:
        """How many rows would stand beside a column of this width."""
        count = int(np.count_nonzero(~_fit(self.limbs, width))) if len(self.rows) else 0
        if width.itemsize < self.narrow.itemsize:
            count += int(np.count_nonzero(self.narrow.astype(width) != self.narrow))
        return count


_NO_ROWS: Ints = np.zeros(0, dtype=np.int64)
_NO_LIMBS: Ints = np.zeros((0, 2), dtype=np.int64)


def of_int64(column: Ints) -> Integers:
    return _narrowest(Integers(column, _NO_ROWS, _NO_LIMBS))


def of_limbs(limbs: Ints) -> Integers:
    """Of numbers of 128 bits, each as its low and its high half."""
    low = limbs[:, 0].copy()
    rows = np.flatnonzero(limbs[:, 1] != low >> 63)
    low[rows] = 0
    return _narrowest(Integers(low, rows, limbs.take(rows, axis=0)))


def joined(columns: Sequence[Integers]) -> Integers:
    """One column after the other."""
    sizes = [column.narrow.itemsize for column in columns]
    width = _cheapest(columns, [width for width in _WIDTHS if min(sizes) <= width.itemsize <= max(sizes)])
    columns = [column.within(width) for column in columns]
    begins = np.cumsum([0, *map(len, columns)])
    return Integers(
        np.concatenate([column.narrow for column in columns]),
        np.concatenate([column.rows + begin for column, begin in zip(columns, begins, strict=False)]),
        np.concatenate([column.limbs for column in columns]),
    )


def safe_to_sum(column: Column) -> Column:
    """The column as int64 if no sum of its values can overflow, else as Python integers."""
    if column.dtype == object:
        return column
    if not len(column):
        return _NO_ROWS
    largest = max(int(column.max()), -int(column.min()))
    return column.astype(np.int64 if largest * len(column) < SAFE_SUM else object, copy=False)


def _narrowest(column: Integers) -> Integers:
    return column.within(_cheapest([column], _WIDTHS))


def _cheapest(columns: Sequence[Integers], widths: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """The width, of these (widest first), that makes the least bytes."""
    if len(widths) == 1:
        return widths[0]
    rows, best, least = sum(map(len, columns)), widths[0], None
    for width in widths:
        beside = BESIDE * sum(column.count_beside(width) for column in columns)
        if least is None or rows * width.itemsize + beside <= least:
            best, least = width, rows * width.itemsize + beside
        if beside > least:
            break  # the narrower, the more stand beside
    return best


def _fit(limbs: Ints, width: np.dtype[Any]) -> npt.NDArray[np.bool_]:
    low, high, limits = limbs[:, 0], limbs[:, 1], np.iinfo(width)
    fit: npt.NDArray[np.bool_] = (high == low >> 63) & (low >= limits.min) & (low <= limits.max)
    return fit


def _exact(limbs: Iterable[Ints]) -> list[int]:
    return [(int(high) << 64) + (int(low) & _LOW_BITS) for low, high in limbs]
