"""The stages in tables: bronze, and silver with its duplicates, as the current release has them.

In: Trino and a release with its snapshot. Out: runs (two of a position that a table holds twice), and the counts that
are only shown. One query a table and span of days of acceptance, so that memory stays flat; neighbours are joined by
Trino.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from lakehouse.clients.trino import Row, SqlError, Trino, literal, timestamp_literal
from lakehouse.contracts import tables
from lakehouse.contracts.topics import REJECTED
from lakehouse.ledger.bitmaps import BITS, TooManyCopiesError, Words, copies
from lakehouse.ledger.model import Run, Stage, start_of
from lakehouse.releases.model import BronzeCursor, Release, Snapshot

_HOUR = "date_diff('hour', TIMESTAMP '1970-01-01 00:00:00 UTC', {column})"


ROWS_AT_ONCE = 2_000_000


class Span(NamedTuple):
    """Days of acceptance, both included."""

    first: date
    last: date


def bronze_days(trino: Trino, cursor: BronzeCursor, since: int = 0) -> dict[date, int]:
    """The days of acceptance that bronze holds from an hour's on, and how many rows of each."""
    sql = (
        f"SELECT {tables.BRONZE_PARTITION} AS day, count(*) AS n FROM {cursor.pinned} "
        f"WHERE {tables.BRONZE_PARTITION} >= DATE '{day_of(since)}' GROUP BY 1"
    )
    return {row["day"]: int(row["n"]) for row in trino.query(sql)}


def spans_of(days: Mapping[date, int], most: int = ROWS_AT_ONCE) -> list[Span]:
    """The days in order, joined while they have at most so many rows together; a day is never divided."""
    found: list[Span] = []
    rows = 0
    for day, count in sorted(days.items()):
        if found and rows + count <= most:
            found[-1] = Span(found[-1].first, day)
            rows += count
        else:
            found.append(Span(day, day))
            rows = count
    return found


def bronze_runs(trino: Trino, cursor: BronzeCursor, days: Span, late: Counter[int]) -> Iterator[Run]:
    """The positions of these days. Adds to ``late`` those accepted more than an hour after their time."""
    for row in _held(trino, _bronze_rows(cursor, days)):
        late[row.hour] += row.late
        yield from row.runs


def bronze_runs_where(trino: Trino, cursor: BronzeCursor, condition: str) -> list[Run]:
    """The positions of rows that fulfil a condition."""
    return [run for row in _held(trino, _bronze_where(cursor, condition)) for run in row.runs]


def without_kafka_runs(trino: Trino, cursor: BronzeCursor, days: Span, earliest: Mapping[int, int]) -> Iterator[Run]:
    """The positions of these days that need no Kafka record: it has been deleted by age, and bronze remembers where it
    was; or they came from a raw file, and whether Kafka has them, or has lost them with its disk, changes no number."""
    conditions = [*([_before(earliest)] if earliest else []), "kafka_partition IS NULL"]
    rows = f"{_bronze_rows(cursor, days)} AND ({' OR '.join(conditions)})"
    for row in _held(trino, rows):
        yield from row.runs


def counted_runs(trino: Trino, release: Release, days: Span) -> Iterator[tuple[Stage, Run]]:
    """What became of the positions of these days in silver."""
    for row in _held(trino, _silver_rows(release, days)):
        for run in row.runs:
            yield Stage(row.became), run


def runs_in_files(trino: Trino, files: Mapping[str, Sequence[str]], before: int) -> list[Run]:
    """The positions accepted before an hour that data files hold: by table, as SQL names it, the files' addresses."""
    rows = " UNION ALL ".join(
        f"SELECT edge, segment, seq, accepted_at, 'file' AS became, false AS late FROM {table} "
        f'WHERE "$path" IN ({", ".join(map(literal, paths))}) AND accepted_at < {timestamp_literal(start_of(before))}'
        for table, paths in files.items()
    )
    return [run for row in _held(trino, rows) for run in row.runs]


def rejected_hours(trino: Trino, cursor: BronzeCursor, snapshot: Snapshot) -> Counter[int]:
    """Events that the edge rejected, by hour. A row counts once its record is within the offsets that bronze has."""
    consumed = {number: part.end for number, part in snapshot.offsets.get(REJECTED.name, {}).items()}
    if not consumed:
        return Counter()
    table = f"{tables.CATALOG}.{tables.BRONZE_SCHEMA}.{tables.quarantine_table(cursor.generation)}"
    sql = (
        f"SELECT {_HOUR.format(column='quarantined_at')} AS hour, count(DISTINCT (kafka_partition, kafka_offset)) AS n "
        f"FROM {table} WHERE station = 'edge' AND kafka_topic = '{REJECTED.name}' AND ({_before(consumed)}) GROUP BY 1"
    )
    return Counter({row["hour"]: row["n"] for row in trino.query(sql)})


def unreadable_hours(trino: Trino, release: Release) -> Counter[int]:
    """Events of silver that count nothing, for a number or text that the edge has promised could not be read, by hour
    of acceptance. Definitions of before 0.1.0 do not know them."""
    if f"{tables.SILVER_SCHEMA}.{tables.SILVER_SALES_FACTS}" not in release.tables:
        return Counter()
    sql = (
        f"SELECT {_HOUR.format(column='accepted_at')} AS hour, count(*) AS n "
        f"FROM {_silver(release, tables.SILVER_SALES_FACTS)} WHERE unreadable AND NOT replaced GROUP BY 1"
    )
    try:
        return Counter({row["hour"]: row["n"] for row in trino.query(sql)})
    except SqlError as error:
        if error.name == "COLUMN_NOT_FOUND":
            return Counter()
        raise


def days_of(runs: Iterable[Run]) -> set[date]:
    """The days of acceptance of runs."""
    return {day_of(hour) for hour in {run.hour for run in runs}}


def day_of(hour: int) -> date:
    """The UTC day of an hour since 1970."""
    return date(1970, 1, 1) + timedelta(days=hour // 24)


def _bronze_rows(cursor: BronzeCursor, days: Span) -> str:
    return _bronze_where(cursor, f"{tables.BRONZE_PARTITION} BETWEEN DATE '{days.first}' AND DATE '{days.last}'")


def _bronze_where(cursor: BronzeCursor, condition: str) -> str:
    return (
        "SELECT edge, segment, seq, accepted_at, 'bronze' AS became, "
        f"accepted_at > \"time\" + INTERVAL '1' HOUR AS late FROM {cursor.pinned} WHERE {condition}"
    )


def _silver_rows(release: Release, days: Span) -> str:
    became = {
        tables.SILVER_EVENTS: f"'{Stage.SILVER}'",
        tables.SILVER_DUPLICATES: f"if(verdict = 'duplicate', '{Stage.DUPLICATES}', '{Stage.QUARANTINED}')",
    }
    during = f"accepted_at >= {_midnight(days.first)} AND accepted_at < {_midnight(days.last + timedelta(days=1))}"
    return " UNION ALL ".join(
        f"SELECT edge, segment, seq, accepted_at, {column} AS became, false AS late FROM {_silver(release, name)} "
        f"WHERE {during}"
        for name, column in became.items()
    )


def _silver(release: Release, name: str) -> str:
    return release.tables[f"{tables.SILVER_SCHEMA}.{name}"].pinned(name)


class _Held(NamedTuple):
    """Positions of one hour, and how many of them came late."""

    hour: int
    became: str
    late: int
    runs: list[Run]


def _held(trino: Trino, rows: str) -> list[_Held]:
    """By words, which costs Trino a quarter; by single positions where some are held more than twice."""
    try:
        return [_of_words(row) for row in trino.query(_words(rows))]
    except TooManyCopiesError:
        return [_of_positions(row) for row in trino.query(_positions(rows))]


def _words(rows: str) -> str:
    """Joins consecutive words that are alike."""
    alike = "edge, segment, hour, became, held, odd, n"
    return (
        f"WITH rows AS (SELECT edge, segment, {_HOUR.format(column='accepted_at')} AS hour, became, late, "
        f"seq / {BITS} AS word, bitwise_left_shift(BIGINT '1', CAST(seq % {BITS} AS integer)) AS bit FROM ({rows})), "
        "words AS (SELECT edge, segment, hour, became, word, bitwise_or_agg(bit) AS held, bitwise_xor_agg(bit) AS odd, "
        "count(*) AS n, bitwise_or_agg(if(late, bit, 0)) AS late FROM rows GROUP BY 1, 2, 3, 4, 5), "
        f"islands AS (SELECT *, word - row_number() OVER (PARTITION BY {alike} ORDER BY word) AS island FROM words) "
        f"SELECT {alike}, min(word) AS first, max(word) AS last, sum(bit_count(late, {BITS})) AS late "
        f"FROM islands GROUP BY {alike}, island"
    )


def _of_words(row: Row) -> _Held:
    found = copies(Words(row["first"], row["last"], row["held"], row["odd"], row["n"]))
    runs = [
        Run(row["edge"], row["segment"], begin, end - 1, row["hour"])
        for (begin, end), count in found
        for _ in range(count)
    ]
    return _Held(row["hour"], row["became"], row["late"], runs)


def _positions(rows: str) -> str:
    """Joins consecutive positions that are held equally often. ``late`` counts distinct positions."""
    same = "edge, segment, hour, became, copies"
    return (
        f"WITH rows AS ({rows}), "
        f"positions AS (SELECT edge, segment, seq, {_HOUR.format(column='accepted_at')} AS hour, became, "
        "count(*) AS copies, bool_or(late) AS late FROM rows GROUP BY 1, 2, 3, 4, 5), "
        f"islands AS (SELECT *, seq - row_number() OVER (PARTITION BY {same} ORDER BY seq) AS island FROM positions) "
        f"SELECT {same}, min(seq) AS first, max(seq) AS last, count_if(late) AS late "
        f"FROM islands GROUP BY {same}, island"
    )


def _of_positions(row: Row) -> _Held:
    run = Run(row["edge"], row["segment"], row["first"], row["last"], row["hour"])
    return _Held(row["hour"], row["became"], row["late"], [run] * int(row["copies"]))


def _before(offsets: Mapping[int, int]) -> str:
    parts = [f"(kafka_partition = {number} AND kafka_offset < {offset})" for number, offset in offsets.items()]
    return " OR ".join(parts) or "false"


def _midnight(day: date) -> str:
    return timestamp_literal(datetime(day.year, day.month, day.day, tzinfo=UTC))
