"""What was known when, in SQL: ``ops.releases``, and in ``gold`` what every release showed.

In: the release log. Out: one row of ``ops.release_log`` for each release, and a view ``gold.<table>_by_release`` of
each fact table. Keeps promise 4 in SQL: ``WHERE release = N``, or ``WHERE released_at <= T AND
(superseded_at > T OR superseded_at IS NULL)``, gives the rows that ``gold.<table>`` showed then. The log on HDFS stays
the truth; all of this may be made again from it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import islice

from lakehouse.clients.trino import Trino, literal, timestamp_literal
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.instants import from_micros
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import TableState
from lakehouse.transform import views
from lakehouse.transform.gold_columns import Columns
from lakehouse.transform.retention import retained
from lakehouse.transform.views import Kept

_LOG = f"{tables.CATALOG}.{tables.OPS_SCHEMA}.{tables.RELEASE_LOG}"
_ROWS_AT_ONCE = 200
_COMPACT_EVERY = 200
"""Releases. Each adds a small file; by the hundred they would be slow to read."""


class History:
    """Brings SQL's view of the past up to date. Keeps what it has rendered, and runs only what has changed."""

    def __init__(self, trino: Trino, log: ReleaseLog, retention: timedelta) -> None:
        self._trino = trino
        self._log = log
        self._retention = retention
        self._columns = Columns(trino)
        self._shown: dict[str, str] = {}
        self._is_prepared = False

    def update(self, is_dropped: Callable[[GoldVersionNumber], bool], now: datetime) -> None:
        """After each release: the views, whose pins move with it, then its row, with which readers find it: what they
        find is whole. Safe to repeat. Of two who do this at once, the one that shows last has seen the newest."""
        if not self._is_prepared:
            prepare(self._trino)
            self._is_prepared = True
        releases: list[Published] = []
        while len(known := list(self._log.refresh())) > len(releases):
            releases = known
            kept = kept_states(releases, self._retention, now)
            self._show([entry for entry in kept if not is_dropped(entry[0])])
            if len(self._log.refresh()) == len(releases):  # else another may have been there first, with newer views
                record(self._trino, releases)

    def _show(self, kept: Sequence[tuple[GoldVersionNumber, str, TableState]]) -> None:
        described = [Kept(version, table, state, self._columns.of(table, state)) for version, table, state in kept]
        for name, statement in views.by_release_statements(described).items():
            if self._shown.get(name) != statement:
                self._trino.query(statement)
                self._shown[name] = statement


def prepare(trino: Trino) -> None:
    """Makes the log's table and its view. The schema ``ops`` must be there."""
    make_table(trino, tables.RELEASE_LOG, tables.RELEASE_LOG_COLUMNS)
    _rename_former_columns(trino)
    trino.query(views.releases_statement())


def _rename_former_columns(trino: Trino) -> None:
    """Up to version 0.1.0 the kind lay in ``reason``, and the reason in ``why``. One commit, so that no row is
    lost."""
    if "why" in {row["Column"] for row in trino.query(f"SHOW COLUMNS FROM {_LOG}")}:
        kind = "if(reason = 'first', 'cycle', reason)"
        cells = {"kind": f"{kind} AS kind", "reason": "why AS reason"}
        columns = ", ".join(cells.get(name, name) for name in tables.RELEASE_LOG_COLUMNS)
        trino.query(f"CREATE OR REPLACE TABLE {_LOG} AS SELECT {columns} FROM {_LOG}")


def make_table(trino: Trino, name: str, columns: dict[str, str]) -> None:
    """An empty table in ``ops``, unless it is there."""
    spelled = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    trino.query(f"CREATE TABLE IF NOT EXISTS {tables.CATALOG}.{tables.OPS_SCHEMA}.{name} ({spelled})")


def record(trino: Trino, releases: Sequence[Published]) -> int:
    """Appends those of the releases that ``ops.release_log`` lacks; returns how many.

    Each writer appends a row of releases without a hole, from the first that it misses on: so whatever is below the
    greatest number is there. What two of them append at once is there twice, alike, and shown once.
    """
    newest = trino.query(f"SELECT coalesce(max(release), 0) AS release FROM {_LOG}")[0]["release"]
    missing = [one for one in releases if one.number > newest]
    rows = map(_row, missing)
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        trino.query(f"INSERT INTO {_LOG} ({', '.join(tables.RELEASE_LOG_COLUMNS)}) VALUES {', '.join(some)}")
    if missing and missing[-1].number // _COMPACT_EVERY != newest // _COMPACT_EVERY:
        compact(trino, tables.RELEASE_LOG)
    return len(missing)


def compact(trino: Trino, table: str) -> None:
    """Rewrites the small files of a table in ``ops``; the rows stay what they are."""
    name = f"{tables.CATALOG}.{tables.OPS_SCHEMA}.{table}"
    trino.query(f"ALTER TABLE {name} EXECUTE optimize(file_size_threshold => '16MB')")


def kept_states(
    releases: list[Published], retention: timedelta, now: datetime
) -> list[tuple[GoldVersionNumber, str, TableState]]:
    """(gold version, table, state) of each gold table that a retained release names, at its newest Delta version."""
    found: dict[tuple[GoldVersionNumber, str], TableState] = {}
    for one in retained(releases, now, retention):
        for table in tables.GOLD_TABLES:
            state = one.release.tables.get(f"{tables.GOLD_SCHEMA}.{table}")
            known = found.get((one.release.gold_version, table))
            if state is not None and (known is None or known.delta_version < state.delta_version):
                found[one.release.gold_version, table] = state
    return [(version, table, state) for (version, table), state in sorted(found.items())]


def _row(published: Published) -> str:
    release = published.release
    through = release.complete_through
    cells = {
        "release": str(release.release),
        "parent": _number(release.parent),
        "released_at": timestamp_literal(published.released_at),
        "gold_version": str(release.gold_version),
        "snapshot": str(release.snapshot),
        "kind": literal(release.kind),
        "actor": literal(release.actor),
        "reason": _text(release.reason),
        "held": str(release.held),
        "complete_through": "NULL" if through is None else timestamp_literal(from_micros(through)),
        "definition": literal(release.definition.fingerprint),
        "git_commit": _text(release.definition.git_commit),
        "bronze_generation": str(release.bronze.generation),
        "bronze_delta_version": str(release.bronze.delta_version),
    }
    return f"({', '.join(cells[name] for name in tables.RELEASE_LOG_COLUMNS)})"


def _text(text: str | None) -> str:
    return "NULL" if text is None else literal(text)


def _number(number: ReleaseNumber | None) -> str:
    return "NULL" if number is None else str(number)
