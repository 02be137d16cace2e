"""The rows of one gold table in memory: sorted, immutable runs, like a small log-structured merge tree.

In: rows of a gold table (append-only, each with the snapshot that wrote it; ``gold_rows`` reads them). Out: the rows
of a merchant in any snapshot. Keeps promise 4 (what was answered can be answered again) within a gold version: the row
of a key in snapshot S is the one with the greatest ``snapshot`` <= S, so one table answers for every release.

A run is a handful of flat arrays and an index of merchants, all of fixed width, so that a memory-mapped file can take
the place of memory without a change here. Amounts are integers of the narrowest type that fits nearly all of them; the
few that do not fit are kept separately (:mod:`api.serving.integers`). Where a sum could overflow 64 bits, the rows that
are asked for become Python integers.

Runs are made and merged in threads, while the event loop answers requests: what works on all rows is a NumPy call that
releases the interpreter lock (sorts, ``take``, arithmetic), or is cut into pieces.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from api.serving.integers import Column, Integers, Ints, joined, safe_to_sum

MERCHANT_WIDTH = 64
PIECE = 1 << 20
"""Rows that are worked on at a time by code that holds the interpreter lock."""
MERGED_WHILE_WAITING = 1 << 18
"""Runs that hold more rows together are merged later (``CachedTable.tidy``), not while a release waits for its rows."""

_NOTHING: Ints = np.zeros(0, dtype=np.int64)


class Currencies:
    """Numbers for currency codes, given in the order of appearance. Number 0 is '' (no currency)."""

    def __init__(self) -> None:
        self.codes: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}
        self._lock = Lock()

    def number(self, code: str) -> int:
        with self._lock:
            if code not in self._numbers:
                self.codes.append(code)
                self._numbers[code] = len(self.codes) - 1
            return self._numbers[code]

    def find(self, code: str) -> int | None:
        return self._numbers.get(code)


@dataclass(frozen=True, eq=False)
class Run:
    """Rows sorted by merchant and slot.

    Merchant i has the rows from ``offsets[i]`` (included) to ``offsets[i + 1]`` (not).
    """

    merchants: npt.NDArray[np.bytes_]
    offsets: Ints
    slot: npt.NDArray[np.int32]
    currency: npt.NDArray[np.int16]
    snapshot: npt.NDArray[np.int32]
    measures: dict[str, Integers]

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


def merge(runs: Sequence[Run]) -> Run:
    """One run with the rows of all."""
    if len(runs) == 1:
        return runs[0]
    merchants, numbers = _all_merchants(runs)
    counts = np.zeros(len(merchants), dtype=np.int64)
    for run, number in zip(runs, numbers, strict=True):
        counts[number] += np.diff(run.offsets)
    # The rows of each run are in order already, which a stable sort finds and merges.
    order = np.argsort(_keys(runs, numbers), kind="stable")
    slot, currency, snapshot = (np.concatenate([getattr(run, name) for run in runs]).take(order) for name in _KEYS)
    measures = {name: joined([run.measures[name] for run in runs]).take(order) for name in runs[0].measures}
    return Run(merchants, np.concatenate(([0], np.cumsum(counts))), slot, currency, snapshot, measures)


def add_run(runs: tuple[Run, ...], new: Run, at_once: int = MERGED_WHILE_WAITING) -> tuple[Run, ...]:
    """The runs with one more; the last ones are merged as long as they are of like size and hold few rows."""
    if len(new) == 0:
        return runs
    kept = [*runs, new]
    while len(kept) > 1 and _should_merge(kept[-2], kept[-1]) and len(kept[-2]) + len(kept[-1]) <= at_once:
        kept[-2:] = [merge(kept[-2:])]
    return tuple(kept)


def to_merge(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Neighbours that should be one run, so that there are few (the logarithm of the rows); () if all is well."""
    for place in range(len(runs) - 1, 0, -1):
        if _should_merge(runs[place - 1], runs[place]):
            first = place - 1
            while first > 0 and len(runs[first - 1]) <= 2 * sum(map(len, runs[first : place + 1])):
                first -= 1
            return runs[first : place + 1]
    return ()


def _should_merge(older: Run, newer: Run) -> bool:
    return len(older) <= 2 * len(newer)


_KEYS = ("slot", "currency", "snapshot")


def _all_merchants(runs: Sequence[Run]) -> tuple[npt.NDArray[np.bytes_], list[Ints]]:
    """The merchants of all runs, sorted, and the place of each run's merchants among them."""
    names = [as_arrow(run.merchants) for run in runs]
    distinct = pc.unique(pa.chunked_array(names))
    merchants = np.sort(fixed_width(distinct.buffers()[1], len(distinct)))
    among = as_arrow(merchants)
    return merchants, [pc.index_in(own, among).to_numpy().astype(np.int64) for own in names]


def fixed_width(data: pa.Buffer | None, count: int) -> npt.NDArray[np.bytes_]:
    """Merchants that lie one after the other, each filled up with zeros."""
    return np.frombuffer(data or b"", dtype=f"S{MERCHANT_WIDTH}", count=count)


def as_arrow(merchants: npt.NDArray[np.bytes_]) -> pa.Array:
    """The same bytes as an Arrow array, zeros at the ends included."""
    data = pa.py_buffer(np.ascontiguousarray(merchants).view(np.uint8))
    return pa.Array.from_buffers(pa.binary(MERCHANT_WIDTH), len(merchants), [None, data])


def _keys(runs: Sequence[Run], numbers: list[Ints]) -> Ints:
    """Merchant and slot of every row in one number."""
    keys = np.empty(sum(map(len, runs)), dtype=np.int64)
    end = 0
    for run, number in zip(runs, numbers, strict=True):
        keys[end : end + len(run)] = run.slot
        for first, last in _pieces(run.offsets):
            rows = slice(end + int(run.offsets[first]), end + int(run.offsets[last]))
            keys[rows] |= np.repeat(number[first:last] << 32, np.diff(run.offsets[first : last + 1]))
        end += len(run)
    return keys


def _pieces(offsets: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of merchants that have about ``PIECE`` rows or are one merchant."""
    first, end = 0, len(offsets) - 1
    while first < end:
        last = int(np.searchsorted(offsets, offsets[first] + PIECE))
        last = min(max(last, first + 1), end)
        yield first, last
        first = last


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


def snapshots_at(runs: tuple[Run, ...], merchant: bytes, first: int, last: int) -> Ints:
    """The snapshots that wrote rows of the merchant with ``first`` <= slot < ``last``, rising, each once."""
    return np.unique(np.concatenate([_NOTHING, *(run.snapshot[_window(run, merchant, first, last)] for run in runs)]))


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
