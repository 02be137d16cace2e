"""The restatements in memory, so that no merchant's request goes to Trino.

In: the document that says up to which release restatements are complete, and the files of ``ops.restatement_log`` in
the Delta version that it names. Out: a merchant's restatements, in an order that never changes. It lags behind the
release log by some seconds, and says how far it is: :attr:`RestatementStore.through`.
"""

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from api.serving.delta_changes import changes_since
from api.serving.gold_files import GoldFiles
from api.serving.gold_rows import run_from_arrow
from api.serving.integers import Column
from api.serving.release_views import ReleaseViews
from api.serving.runs import Currencies, Run, add_run, merge, to_merge
from lakehouse.clients.files import Files
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.metrics import METRICS
from lakehouse.errors import LakehouseError, NotFoundError
from lakehouse.releases import restated
from lakehouse.releases.model import TableState

INTERVAL = timedelta(seconds=1)
_NAMES = tuple(METRICS)
_GRAINS = ("hour", "day")
_VALUES = ("hours", "old_value", "new_value")
_CODED = ("grain", "metric")
_COLUMNS = ("merchant_id", "currency", "start", "release", *_CODED, *_VALUES)
_KEYS = 4
"""Of a row's columns: release, start, grain, metric; then comes the currency."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestatementsQuery:
    """Restatements of releases from ``after`` on, less the first ``skip`` of that one, whose buckets begin at a slot
    from ``first`` (included) to ``last`` (not)."""

    after: ReleaseNumber
    skip: int
    first: int
    last: int
    metric: str | None
    limit: int


@dataclass(frozen=True)
class Restatement:
    """One row of ``ops.restatements``. ``start`` counts quarters of an hour since 1970, as slots do."""

    release: ReleaseNumber
    start: int
    grain: str
    metric: str
    currency: str
    hours: int
    old_value: int
    new_value: int


class RestatementStore:
    """Use from one event loop; :meth:`run` brings it forward."""

    def __init__(self, files: Files, layout: Layout, gold: GoldFiles, release_views: ReleaseViews) -> None:
        self._files = files
        self._layout = layout
        self._gold = gold
        self._release_views = release_views
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="restatements")
        self._log = TableState("", "", -1)
        self._live: frozenset[str] = frozenset()
        self._runs: tuple[Run, ...] = ()
        self._currencies = Currencies()
        self.through: ReleaseNumber | None = None
        """Complete through this release; None before the first look."""

    async def run(self) -> None:
        while True:
            try:
                await self.poll()
            except LakehouseError as error:
                _log.warning("restatements not read: %s", error)
            except Exception:
                _log.exception("restatements not read")
            await asyncio.sleep(INTERVAL.total_seconds())

    async def poll(self) -> None:
        """Looks only while a release is shown whose restatements are not known."""
        current = self._release_views.current
        if current is not None and (self.through is None or self.through < current.published.number):
            loop = asyncio.get_running_loop()
            self.through = await loop.run_in_executor(self._threads, self._advance)

    def page(self, merchant: str, query: RestatementsQuery, through: ReleaseNumber) -> list[Restatement]:
        """What was asked for, of releases up to ``through``; one row more than the limit where there are more.

        In the order of release, bucket, metric and currency; what two writers wrote twice is there once.
        """
        runs, codes = self._runs, self._currencies.codes.copy()
        if not runs:
            return []
        parts = [_asked(run, merchant, query, through) for run in runs]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        rank = np.argsort(np.argsort(codes))  # the numbers of codes are in the order of appearance, which may differ
        keys = [*columns[:_KEYS], rank[columns[_KEYS]]]
        order = np.lexsort(keys[::-1])
        order = order[_first_of_each([key[order] for key in keys])]
        skipped = min(query.skip, int(np.count_nonzero(columns[0][order] == query.after)))
        chosen = order[skipped : skipped + query.limit + 1]
        return [
            Restatement(release, start, _GRAINS[grain], _NAMES[metric], codes[currency], hours, int(old), int(new))
            for release, start, grain, metric, currency, hours, old, new in zip(
                *(column[chosen].tolist() for column in columns), strict=True
            )
        ]

    def _advance(self) -> ReleaseNumber | None:
        """Blocks. Loads the files that are new, or all of them."""
        progress = restated.restated(self._files, self._layout)
        if progress is None or progress.log is None:
            return self.through
        if progress.log != self._log:
            if progress.log.location != self._log.location or not self._append(progress.log):
                self._reload(progress.log)
            self._log = progress.log
        return progress.through

    def _append(self, log: TableState) -> bool:
        try:
            commits = self._gold.commits(log.location, self._log.delta_version, log.delta_version)
            changes = changes_since(self._live, commits)
            if changes is None:
                return False
            self._runs = self._with(self._runs, log, changes.new)
        except NotFoundError:
            return False
        self._live = changes.live
        return True

    def _reload(self, log: TableState) -> None:
        paths = self._gold.live(log.location, log.delta_version)
        self._runs = self._with((), log, paths)
        self._live = frozenset(paths)

    def _with(self, runs: tuple[Run, ...], log: TableState, paths: Iterable[str]) -> tuple[Run, ...]:
        for path in paths:
            data = self._files.read(f"{log.location}/{unquote(path)}")
            rows = pq.ParquetFile(pa.BufferReader(data)).read(columns=list(_COLUMNS), use_threads=False)
            runs = add_run(runs, run_from_arrow(_as_gold(rows), (*_CODED, *_VALUES), self._currencies))
        while parts := to_merge(runs):
            first = runs.index(parts[0])
            runs = (*runs[:first], merge(parts), *runs[first + len(parts) :])
        return runs


def _asked(run: Run, merchant: str, query: RestatementsQuery, through: ReleaseNumber) -> list[Column]:
    """Release, start, grain, metric, currency, hours, old and new value of the rows that are asked for."""
    rows = run.rows_of(merchant.encode())
    release, start, metric = run.snapshot[rows], run.slot[rows], run.measures["metric"][rows]
    wanted = (release >= query.after) & (release <= through) & (start >= query.first) & (start < query.last)
    # The catalogue may have lost a metric; it can be explained no more.
    wanted &= metric >= 0 if query.metric is None else metric == _NAMES.index(query.metric)
    grain, *values = (run.measures[name][rows] for name in ("grain", *_VALUES))
    return [column[wanted] for column in (release, start, grain, metric, run.currency[rows], *values)]


def _first_of_each(keys: list[Column]) -> npt.NDArray[np.bool_]:
    """Which rows of sorted keys differ from the row before."""
    differs = np.zeros(len(keys[0]), dtype=bool)
    differs[:1] = True
    for key in keys:
        differs[1:] |= key[1:] != key[:-1]
    return differs


def _as_gold(rows: pa.Table) -> pa.Table:
    """The columns under the names, and with the numbers, that a run has: a release stands where a snapshot does."""
    columns: dict[str, Any] = {
        "merchant_id": rows["merchant_id"],
        "slot": rows["start"],
        "currency": rows["currency"],
        "snapshot": rows["release"],
        "metric": pc.index_in(rows["metric"], pa.array(_NAMES)).fill_null(-1),
        "grain": pc.index_in(rows["grain"], pa.array(_GRAINS)),
    }
    return pa.table(columns | {name: rows[name] for name in _VALUES})
