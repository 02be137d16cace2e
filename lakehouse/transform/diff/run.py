"""Compares two snapshots through Trino.

In: two snapshots at the same bronze commits. Out: their :class:`Difference`. Nothing is written, and every table is
read at the Delta version that its snapshot names, so the answer is the same whenever it is asked for. Gold goes through
Trino in portions of months, one bucket of merchants after the other, so that memory stays bounded; silver by key only
in the months whose checksums differ.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.releases.model import Snapshot, TableState
from lakehouse.transform.diff import gold_sql, portions, silver_sql
from lakehouse.transform.diff.columns import Types, columns_of
from lakehouse.transform.diff.model import Difference, Limits, RowCounts, RowSample, Side, TableDifference
from lakehouse.transform.diff.portions import Portion
from lakehouse.transform.diff.sides import AFTER, BEFORE, Sides, pinned, states_of
from lakehouse.transform.diff.tally import Tally

Progress = Callable[[str], None]
_SAMPLED_MERCHANTS = 10


def difference(
    trino: Trino,
    left: Snapshot,
    right: Snapshot,
    limits: Limits | None = None,
    *,
    release: ReleaseNumber | None = None,
    progress: Progress = lambda _: None,
) -> Difference:
    """What readers of ``left`` would see change with ``right``. The two are of one :func:`common_point`."""
    return _Comparison(trino, left, right, limits or Limits(), progress).run(release)


class _Comparison:
    def __init__(self, trino: Trino, left: Snapshot, right: Snapshot, limits: Limits, progress: Progress) -> None:
        self._trino = trino
        self._snapshots = (left, right)
        self._limits = limits
        self._progress = progress

    def run(self, release: ReleaseNumber | None) -> Difference:
        left, right = self._snapshots
        layers = (tables.GOLD_SCHEMA,) if self._limits.only_metrics else tables.VERSION_LAYERS
        names = sorted(name for name in {*left.tables, *right.tables} if name.partition(".")[0] in layers)
        sides = [self._sides(name) for name in names]
        gold = [each for each in sides if each.layer == tables.GOLD_SCHEMA]
        tally = self._tally(gold)
        merchants = tally.merchants()
        foremost = [merchant.merchant_id for merchant in merchants[:_SAMPLED_MERCHANTS]]
        found = [self._gold(each, tally, foremost) for each in gold]
        found += [self._silver(each) for each in sides if each.layer == tables.SILVER_SCHEMA]
        return Difference(
            before=Side(left.gold_version, left.number, left.bronze, release),
            after=Side(right.gold_version, right.number, right.bronze),
            tables=tuple(found),
            metrics=tuple(tally.metric_changes()),
            merchants=tuple(merchants),
            merchants_affected=tally.merchants_affected,
            hours=tuple(tally.hours()),
            hours_affected=tally.hours_affected,
            days=tuple(tally.days()),
        )

    def _sides(self, table: str) -> Sides:
        left, right = self._snapshots
        states = states_of(table, left, right)
        columns = columns_of(table, self._types(table, states[BEFORE]), self._types(table, states[AFTER]))
        return Sides(table, columns, states, (left.number, right.number))

    def _types(self, table: str, state: TableState | None) -> Types:
        if state is None:
            return {}
        nothing = self._trino.execute(f"SELECT * FROM {pinned(table, state)} WHERE false")
        return {column.name: column.type for column in nothing.columns}

    def _tally(self, gold: list[Sides]) -> Tally:
        """One bucket of merchants after the other, over all tables."""
        limits = self._limits
        tally = Tally(limits.top, metrics={s.table: tuple(m.name for m in gold_sql.metrics_of(s)) for s in gold})
        months = {sides.table: self._months(sides) for sides in gold}
        largest = max((count for rows, _ in months.values() for count in rows.values()), default=0)
        merchants = max((merchants for _, merchants in months.values()), default=0)
        buckets = max(
            portions.buckets_for(largest, limits.rows_per_query),
            portions.buckets_for(merchants, limits.merchants_at_once),
        )
        for bucket in range(buckets):
            self._progress(f"comparing gold, part {bucket + 1} of {buckets}")
            for sides in gold:
                rows, _ = months[sides.table]
                for portion in portions.bucketed(rows, limits.rows_per_query, bucket, buckets):
                    tally.add(sides.table, self._trino.query(gold_sql.totals(sides, portion)))
            tally.close_bucket()
        return tally

    def _months(self, sides: Sides) -> tuple[dict[date | None, int], int]:
        """Rows by month on both sides together, and about how many merchants there can be at most."""
        answers = [self._trino.query(gold_sql.month_rows(sides, side)) for side in sides.present]
        merchants = max((row["merchants"] for answer in answers for row in answer if row["level"]), default=0)
        months = [[row for row in answer if not row["level"]] for answer in answers]
        return portions.add_up(*map(_by_month, months)), merchants

    def _gold(self, sides: Sides, tally: Tally, merchants: list[str]) -> TableDifference:
        rows = tally.table_rows(sides.table)
        sample: tuple[RowSample, ...] = ()
        if rows.differing and not self._limits.only_metrics:
            of = merchants if "merchant_id" in sides.columns.keys else []
            answer = self._trino.query(gold_sql.sample(sides, of, self._limits.sample))
            sample = tuple(_gold_sample(sides, row) for row in answer)
        return TableDifference(sides.table, sides.columns.changes, rows, sample, _only(sides))

    def _silver(self, sides: Sides) -> TableDifference:
        self._progress(f"comparing {sides.table}")
        answers = {side: self._trino.query(silver_sql.months(sides, side)) for side in self._read(sides)}
        first = answers.get(BEFORE, [])
        second = first if sides.same_files else answers.get(AFTER, [])
        digests = [{row["month"]: row["digest"] for row in answer} for answer in (first, second)]
        rows = portions.add_up(_by_month(first), _by_month(second))
        differing = {month: n for month, n in rows.items() if digests[0].get(month) != digests[1].get(month)}
        equal = sum(n for month, n in _by_month(first).items() if month not in differing)
        counts, sample = RowCounts(unchanged=equal), list[RowSample]()
        for portion in portions.portions(differing, self._limits.rows_per_query):
            found = self._counted(sides, portion)
            counts += found
            if found.differing and len(sample) < self._limits.sample:
                answer = self._trino.query(silver_sql.sample(sides, portion, self._limits.sample - len(sample)))
                sample += _silver_samples(sides, answer)
        return TableDifference(sides.table, sides.columns.changes, counts, tuple(sample), _only(sides))

    def _read(self, sides: Sides) -> Iterable[int]:
        """A state that both versions share is read once."""
        return (BEFORE,) if sides.same_files else sides.present

    def _counted(self, sides: Sides, portion: Portion) -> RowCounts:
        row = self._trino.query(silver_sql.row_counts(sides, portion))[0]
        names = ("rows_added", "rows_removed", "rows_changed", "rows_unchanged")
        return RowCounts(*(int(row[name]) for name in names))


def _by_month(answer: list[dict[str, Any]]) -> dict[date | None, int]:
    return {row["month"]: row["n"] for row in answer}


def _only(sides: Sides) -> str | None:
    if len(sides.present) == 2:
        return None
    return "before" if sides.present == (BEFORE,) else "after"


def _gold_sample(sides: Sides, row: dict[str, Any]) -> RowSample:
    """Without the rows that are as good as none."""
    key = {name: row[name] for name in sides.columns.keys}
    before = None if row["verdict"] == "added" else {name: row[f"b_{name}"] for name in sides.columns.values}
    after = None if row["verdict"] == "removed" else {name: row[f"a_{name}"] for name in sides.columns.values}
    return RowSample(key, before, after)


def _silver_samples(sides: Sides, answer: list[dict[str, Any]]) -> list[RowSample]:
    """Both sides' rows of a key beside each other."""
    by_key: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = {}
    for row in answer:
        key = tuple(row[name] for name in sides.columns.keys)
        by_key.setdefault(key, {})[row["side"]] = {name: row[name] for name in sides.columns.values}
    return [
        RowSample(dict(zip(sides.columns.keys, key, strict=True)), found.get(BEFORE), found.get(AFTER))
        for key, found in sorted(by_key.items(), key=lambda item: str(item[0]))
    ]
