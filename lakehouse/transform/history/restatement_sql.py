"""The SQL that finds restatements: what one release shows of closed hours that was shown otherwise before. Pure.

In: a :class:`Change`, one gold table as two releases that follow each other showed it. Out: a query that says how much
there is to compare, and statements that append a part of the restatements to ``ops.restatement_log``.

A bucket is an hour (UTC) that had ended by ``final_through``. Where more than :data:`HOURS_APART` hours of a
merchant's month and currency are restated at once, those of closed days become one row a day: so an import of history
gives one row for each merchant and day. A day's values are the whole day's, as the API shows them; its ``hours`` says
how many of them differ, also where they cancel out.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from lakehouse.clients.trino import literal, timestamp_literal
from lakehouse.contracts import tables
from lakehouse.contracts.ids import ReleaseNumber, SnapshotNumber
from lakehouse.contracts.metrics import METRICS, Metric
from lakehouse.releases.model import TableState
from lakehouse.releases.restated import Part
from lakehouse.transform.views import measure

HOURS_APART = 24
PART_ROWS = 800_000
"""Rows of gold that one statement compares. A key that only one side has takes some 550 bytes, and a query has 600 MB
where Trino has 2 GB (measured)."""


@dataclass(frozen=True)
class Side:
    """A gold table as a release shows it: the rows up to a snapshot. ``columns`` are those that the table has; nobody
    needs them to count rows."""

    state: TableState
    snapshot: SnapshotNumber
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """One table from one release to the next. Hours that ended at or before ``final_through`` had been final."""

    table: str
    release: ReleaseNumber
    released_at: datetime
    reason: str
    old: Side
    new: Side
    final_through: datetime

    @property
    def is_one_table(self) -> bool:
        """Whether both releases read the same physical table: then only what was written between them can differ."""
        return self.old.state.location == self.new.state.location

    @property
    def is_nothing(self) -> bool:
        if not self.is_one_table:
            return False
        return self.old.state.delta_version == self.new.state.delta_version or self.old.snapshot == self.new.snapshot

    @property
    def measures(self) -> tuple[str, ...]:
        return tables.GOLD_MEASURES[self.table]

    @property
    def metrics(self) -> list[Metric]:
        """The additive ones: what others become follows from these."""
        return [metric for metric in METRICS.values() if metric.table == self.table and metric.additive]


def count(change: Change) -> str:
    """``month`` and ``rows`` to compare, for each month that has any."""
    rows = _one_table(change, ()) if change.is_one_table else _two_tables(change, ())
    return f"WITH {rows} SELECT slot_month AS month, count(*) AS rows FROM versions GROUP BY slot_month ORDER BY 1"


def parts(table: str, rows_by_month: list[tuple[date, int]], limit: int = PART_ROWS) -> list[Part]:
    """Months together while they are small; a large one by shares of its merchants. No merchant's month is divided."""
    found: list[Part] = []
    filled = limit
    for month, rows in rows_by_month:
        if rows > limit:
            shares = -(-rows // limit)
            found += [Part(table, month, month, share, shares) for share in range(shares)]
            filled = limit
        elif filled + rows <= limit:
            found[-1] = Part(table, found[-1].first, month)
            filled += rows
        else:
            found.append(Part(table, month, month))
            filled = rows
    return found


def halves(part: Part) -> list[Part]:
    """The same in two statements, each with half of the merchants."""
    shares = [part.share, part.share + part.shares]
    return [Part(part.table, part.first, part.last, share, 2 * part.shares) for share in shares]


def insert(change: Change, part: Part) -> str:
    log = f"{tables.CATALOG}.{tables.OPS_SCHEMA}.{tables.RESTATEMENT_LOG}"
    return f"INSERT INTO {log} ({', '.join(tables.RESTATEMENT_COLUMNS)}) {select(change, part)}"


def select(change: Change, part: Part) -> str:
    """Rows of :data:`~lakehouse.contracts.tables.RESTATEMENT_COLUMNS`."""
    rows = _one_table(change, change.measures) if change.is_one_table else _two_tables(change, change.measures)
    names, hours, olds, news = (
        ", ".join(texts)
        for texts in zip(
            *(
                (literal(m.name), f"hours_{m.name}", _decimal(_total("old", m)), _decimal(_total("new", m)))
                for m in change.metrics
            ),
            strict=True,
        )
    )
    return (
        f"WITH {rows}, {_slots(change, part)}, {_hours(change)}, {_counted(change)}, {_buckets(change)} "
        f"SELECT {change.release}, {timestamp_literal(change.released_at)}, {literal(change.reason)}, merchant_id, "
        "m.metric, currency, grain, start, m.hours, m.old_value, m.new_value FROM buckets CROSS JOIN UNNEST("
        f"ARRAY[{names}], ARRAY[{hours}], ARRAY[{olds}], ARRAY[{news}]) AS m (metric, hours, old_value, new_value) "
        "WHERE m.hours > 0"
    )


def _one_table(change: Change, measures: tuple[str, ...]) -> str:
    """``versions``: the history of the days in which a row was written between the two snapshots."""
    low, high = sorted((change.old.snapshot, change.new.snapshot))
    newest = max(change.old.state, change.new.state, key=lambda state: state.delta_version)
    pinned, closed = newest.pinned(change.table), _closed(change)
    columns = _columns(change, "h.", measures, change.new.columns)
    return (
        "touched AS (SELECT DISTINCT merchant_id, slot_month, date_trunc('day', slot) AS day "
        f"FROM {pinned} WHERE snapshot > {low} AND snapshot <= {high} AND {closed}), "
        f"versions AS (SELECT {columns}, h.snapshot <= {change.old.snapshot} AS was, "
        f"h.snapshot <= {change.new.snapshot} AS becomes FROM {pinned} AS h JOIN touched AS t "
        "ON h.merchant_id = t.merchant_id AND h.slot_month = t.slot_month AND date_trunc('day', h.slot) = t.day "
        f"WHERE h.snapshot <= {high} AND h.{closed})"
    )


def _two_tables(change: Change, measures: tuple[str, ...]) -> str:
    """``versions``: all rows of both."""
    sides = (
        f"SELECT {_columns(change, '', measures, side.columns)}, {flags} "
        f"FROM {side.state.pinned(change.table)} WHERE snapshot <= {side.snapshot} AND {_closed(change)}"
        for side, flags in (
            (change.old, "true AS was, false AS becomes"),
            (change.new, "false AS was, true AS becomes"),
        )
    )
    return f"versions AS ({' UNION ALL '.join(sides)})"


def _columns(change: Change, prefix: str, measures: tuple[str, ...], known: frozenset[str]) -> str:
    currency = f"{prefix}currency" if _has_currency(change) else "CAST(NULL AS varchar) AS currency"
    stored = [f"{prefix}{name}" if name in known else measure(name, known) for name in measures]
    named = [f"{prefix}{name}" for name in ("merchant_id", "slot_month", "slot", "snapshot")]
    return ", ".join((*named, currency, *stored))


def _slots(change: Change, part: Part) -> str:
    """The one row of each key on either side; no row counts nothing."""
    values = ", ".join(
        f"coalesce(max_by({name}, snapshot) FILTER (WHERE {flag}), 0) AS {side}_{name}"
        for side, flag in (("old", "was"), ("new", "becomes"))
        for name in change.measures
    )
    chosen = f"slot_month BETWEEN {_date(part.first)} AND {_date(part.last)}"
    if part.shares > 1:
        chosen += f" AND crc32(to_utf8(merchant_id)) % {part.shares} = {part.share}"
    return (
        f"slots AS (SELECT merchant_id, slot_month, slot, currency, {values} FROM versions WHERE {chosen} "
        "GROUP BY merchant_id, slot_month, slot, currency)"
    )


def _hours(change: Change) -> str:
    return (
        f"hours AS (SELECT merchant_id, slot_month, date_trunc('hour', slot) AS hour, currency, {_sums(change)} "
        "FROM slots GROUP BY merchant_id, slot_month, date_trunc('hour', slot), currency)"
    )


def _counted(change: Change) -> str:
    differs = " OR ".join(f"old_{name} <> new_{name}" for name in change.measures)
    return (
        f"counted AS (SELECT *, count_if({differs}) OVER (PARTITION BY merchant_id, slot_month, currency) "
        f"> {HOURS_APART} AND hour < {timestamp_literal(_day_of(change.final_through))} AS is_day FROM hours)"
    )


def _buckets(change: Change) -> str:
    changed = ", ".join(
        f"count_if({_total('old', metric)} <> {_total('new', metric)}) AS hours_{metric.name}"
        for metric in change.metrics
    )
    return (
        "buckets AS (SELECT merchant_id, currency, if(is_day, 'day', 'hour') AS grain, "
        f"if(is_day, date_trunc('day', hour), hour) AS start, {_sums(change)}, {changed} FROM counted "
        "GROUP BY merchant_id, currency, if(is_day, 'day', 'hour'), if(is_day, date_trunc('day', hour), hour))"
    )


def _sums(change: Change) -> str:
    return ", ".join(f"sum({side}_{name}) AS {side}_{name}" for side in ("old", "new") for name in change.measures)


def _total(side: str, metric: Metric) -> str:
    plus = " + ".join(f"{side}_{name}" for name in metric.numerator.plus)
    return " - ".join((plus, *(f"{side}_{name}" for name in metric.numerator.minus)))


def _decimal(expression: str) -> str:
    return f"CAST({expression} AS DECIMAL(38, 0))"


def _closed(change: Change) -> str:
    """Slots of hours that had ended."""
    hour = change.final_through.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return f"slot < {timestamp_literal(hour)}"


def _day_of(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _date(day: date) -> str:
    return f"DATE '{day}'"


def _has_currency(change: Change) -> bool:
    return "currency" in tables.GOLD_KEYS[change.table]
