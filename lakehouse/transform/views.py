"""The views that analysts read: ``silver`` and ``gold`` show the current release, and beside it what was known when.

In: a published release, or the tables of all gold versions that readers may still be shown. Out: SQL that pins every
view to the releases' Delta versions and, in gold, shows the one row of each key that a release's snapshot has. Rendered
from the catalogue; pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lakehouse.contracts import tables
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.metrics import METRICS, Metric, Sum, Unit
from lakehouse.releases.model import Release, TableState


@dataclass(frozen=True)
class Kept:
    """A gold table of a version: at a Delta version that has the rows of all of the version's releases. ``columns`` are
    those that it physically has."""

    gold_version: GoldVersionNumber
    table: str
    state: TableState
    columns: frozenset[str]


def statements(release: Release, columns: Mapping[str, frozenset[str]]) -> tuple[list[str], list[str]]:
    """One ``CREATE OR REPLACE VIEW`` per view: those of the release's tables, then those that read them. ``columns``
    are those of its gold tables, by name: a measure that is missing is zero, and a table that is missing is empty."""
    gold = tables.GOLD_SCHEMA
    pinned = [_view(f"{tables.SILVER_SCHEMA}.{name}", _silver(release, name)) for name in _silver_tables(release)]
    pinned += [
        _view(f"{gold}.{table}", _gold(release, table, columns[table]) if table in columns else _empty(release, table))
        for table in tables.GOLD_TABLES
    ]
    return pinned, [_view(f"{gold}.{table}{tables.HOURLY_SUFFIX}", _hourly(table)) for table in tables.GOLD_TABLES]


def bronze_statements(generation: GenerationNumber) -> list[str]:
    """Views of the bronze generation that feeds the live line."""
    schema = f"{tables.CATALOG}.{tables.BRONZE_SCHEMA}"
    return [
        f"CREATE OR REPLACE VIEW {schema}.events AS SELECT * FROM {schema}.{tables.bronze_table(generation)}",
        f"CREATE OR REPLACE VIEW {schema}.quarantine AS SELECT * FROM {schema}.{tables.quarantine_table(generation)}",
    ]


def by_release_statements(kept: Iterable[Kept]) -> dict[str, str]:
    """By name of the view, the statement that makes it: what each release showed, whichever gold version it named."""
    found: dict[str, list[str]] = {}
    for one in kept:
        found.setdefault(one.table, []).append(_by_release(one))
    return {
        f"{tables.GOLD_SCHEMA}.{table}{tables.BY_RELEASE_SUFFIX}": _view(
            f"{tables.GOLD_SCHEMA}.{table}{tables.BY_RELEASE_SUFFIX}", " UNION ALL ".join(parts)
        )
        for table, parts in found.items()
    }


def releases_statement() -> str:
    """Each release once, though two writers may have recorded it."""
    columns = ", ".join(tables.RELEASE_LOG_COLUMNS)
    return _view(
        f"{tables.OPS_SCHEMA}.{tables.RELEASES}",
        f"SELECT {columns}, lead(released_at) OVER (ORDER BY release) AS superseded_at "
        f"FROM (SELECT DISTINCT {columns} FROM {tables.CATALOG}.{tables.OPS_SCHEMA}.{tables.RELEASE_LOG})",
    )


def restatements_statement(delta_version: int, through: ReleaseNumber) -> str:
    """What is whole: the restatements of releases up to one, each once, though a killed writer was followed by another
    one that wrote them again."""
    columns = ", ".join(tables.RESTATEMENT_COLUMNS)
    log = f"{tables.CATALOG}.{tables.OPS_SCHEMA}.{tables.RESTATEMENT_LOG} FOR VERSION AS OF {delta_version}"
    return _view(
        f"{tables.OPS_SCHEMA}.{tables.RESTATEMENTS}",
        f"SELECT *, new_value - old_value AS change FROM (SELECT DISTINCT {columns} FROM {log}) "
        f"WHERE release <= {through}",
    )


def measure(name: str, columns: frozenset[str]) -> str:
    """A measure's column; zero where the table does not have it: its version did not count that yet."""
    return name if name in columns else f"CAST(0 AS {_kind(name)}) AS {name}"


def _kind(measure: str) -> str:
    return "DECIMAL(38, 0)" if measure in tables.MONEY_MEASURES else "BIGINT"


def _view(name: str, body: str) -> str:
    return f"CREATE OR REPLACE VIEW {tables.CATALOG}.{name} AS {body}"


def _by_release(kept: Kept) -> str:
    """A row belongs to the releases from its own snapshot on until the next row of its key.

    The releases are the join's inner side: a filter on them leaves one, and the rows are read once. Keys are the
    window's keys, ``slot_month`` among them, so that filters on them prune files.
    """
    keys = (*tables.GOLD_KEYS[kept.table], "slot_month")
    measures = tables.GOLD_MEASURES[kept.table]
    shown = ", ".join(f"h.{name}" for name in (*tables.GOLD_KEYS[kept.table], *measures, "slot_month"))
    stored = ", ".join((*keys, *(measure(name, kept.columns) for name in measures), "snapshot"))
    following = f"lead(snapshot) OVER (PARTITION BY {', '.join(keys)} ORDER BY snapshot) AS next_snapshot"
    pinned = kept.state.pinned(kept.table)
    return (
        f"SELECT {shown}, r.release, r.released_at, r.superseded_at "
        f"FROM (SELECT {stored}, {following} FROM {pinned}) h "
        f"JOIN (SELECT * FROM {tables.CATALOG}.{tables.OPS_SCHEMA}.{tables.RELEASES} "
        f"WHERE gold_version = {kept.gold_version}) r "
        "ON h.snapshot <= r.snapshot AND (h.next_snapshot > r.snapshot OR h.next_snapshot IS NULL)"
    )


def _silver_tables(release: Release) -> list[str]:
    prefix = f"{tables.SILVER_SCHEMA}."
    return [name.removeprefix(prefix) for name in release.tables if name.startswith(prefix)]


def _pinned(release: Release, name: str) -> str:
    return release.tables[name].pinned(name)


def _silver(release: Release, name: str) -> str:
    pinned = _pinned(release, f"{tables.SILVER_SCHEMA}.{name}")
    return f"SELECT t.*, {release.release} AS release FROM {pinned} AS t"


def _gold(release: Release, table: str, columns: frozenset[str]) -> str:
    """The newest row of each key. ``slot_month`` is among the window's keys so that filters on it prune files."""
    keys = (*tables.GOLD_KEYS[table], "slot_month")
    measures = (measure(name, columns) for name in tables.GOLD_MEASURES[table])
    shown = ", ".join((*tables.GOLD_KEYS[table], *measures, "slot_month"))
    newest = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY snapshot DESC)"
    pinned = _pinned(release, f"{tables.GOLD_SCHEMA}.{table}")
    return (
        f"SELECT {shown}, {release.release} AS release FROM ("
        f"SELECT *, {newest} AS place FROM {pinned} WHERE snapshot <= {release.snapshot}) WHERE place = 1"
    )


_KEY_KINDS = {"merchant_id": "VARCHAR", "slot": "TIMESTAMP(3) WITH TIME ZONE", "currency": "VARCHAR"}


def _empty(release: Release, table: str) -> str:
    kinds = {name: _KEY_KINDS[name] for name in tables.GOLD_KEYS[table]}
    kinds |= {name: _kind(name) for name in tables.GOLD_MEASURES[table]} | {"slot_month": "DATE"}
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in kinds.items())
    return f"SELECT {columns}, {release.release} AS release WHERE false"


def _hourly(table: str) -> str:
    keys = ["date_trunc('hour', slot) AS hour" if key == "slot" else key for key in tables.GOLD_KEYS[table]]
    grouped = ", ".join(str(position) for position in range(1, len(keys) + 1))
    metrics = ", ".join(f"{_expression(m)} AS {m.name}" for m in METRICS.values() if m.table == table)
    source = f"{tables.CATALOG}.{tables.GOLD_SCHEMA}.{table}"
    return f"SELECT {', '.join(keys)}, {metrics}, max(release) AS release FROM {source} GROUP BY {grouped}"


def _expression(metric: Metric) -> str:
    """Division of DECIMAL(38,0) rounds to a whole number, half away from zero: exact, and the same as in the API."""
    if metric.denominator is None:
        return _sum(metric.numerator)
    top = f"CAST({_sum(metric.numerator)} AS DECIMAL(38, 0))"
    bottom = f"NULLIF(CAST({_sum(metric.denominator)} AS DECIMAL(38, 0)), 0)"
    if metric.unit is Unit.MONEY:
        return f"{top} / {bottom}"
    return f"CAST({top} * 1000000 / {bottom} * DECIMAL '0.000001' AS DECIMAL(38, 6))"


def _sum(total: Sum) -> str:
    return " - ".join([" + ".join(f"sum({name})" for name in total.plus), *(f"sum({name})" for name in total.minus)])
