"""The views that analysts read: ``silver`` and ``gold`` show the current release and nothing else.

In: a published release. Out: SQL that pins every view to the release's Delta versions and, in gold, shows the one row
of each key that the release's snapshot has. Rendered from the catalogue; pure.
"""

from lakehouse.contracts import tables
from lakehouse.contracts.metrics import METRICS, Metric, Sum, Unit
from lakehouse.releases.model import Release


def statements(release: Release) -> list[str]:
    """One ``CREATE OR REPLACE VIEW`` per view, in the order in which they can be run."""
    views = {f"{tables.SILVER_SCHEMA}.{name}": _silver(release, name) for name in _silver_tables(release)}
    for table in tables.GOLD_TABLES:
        views[f"{tables.GOLD_SCHEMA}.{table}"] = _gold(release, table)
        views[f"{tables.GOLD_SCHEMA}.{table}{tables.HOURLY_SUFFIX}"] = _hourly(table)
    return [f"CREATE OR REPLACE VIEW {tables.CATALOG}.{name} AS {body}" for name, body in views.items()]


def bronze_statements(generation: int) -> list[str]:
    """Views of the bronze generation that feeds the live line."""
    schema = f"{tables.CATALOG}.{tables.BRONZE_SCHEMA}"
    return [
        f"CREATE OR REPLACE VIEW {schema}.events AS SELECT * FROM {schema}.{tables.bronze_table(generation)}",
        f"CREATE OR REPLACE VIEW {schema}.quarantine AS SELECT * FROM {schema}.{tables.quarantine_table(generation)}",
    ]


def _silver_tables(release: Release) -> list[str]:
    prefix = f"{tables.SILVER_SCHEMA}."
    return [name.removeprefix(prefix) for name in release.tables if name.startswith(prefix)]


def _pinned(release: Release, name: str) -> str:
    state = release.tables[name]
    table = name.partition(".")[2]
    return f"{tables.CATALOG}.{state.schema}.{table} FOR VERSION AS OF {state.delta_version}"


def _silver(release: Release, name: str) -> str:
    pinned = _pinned(release, f"{tables.SILVER_SCHEMA}.{name}")
    return f"SELECT t.*, {release.release} AS release FROM {pinned} AS t"


def _gold(release: Release, table: str) -> str:
    """The newest row of each key. ``slot_month`` is among the window's keys so that filters on it prune files."""
    keys = (*tables.GOLD_KEYS[table], "slot_month")
    columns = ", ".join((*tables.GOLD_KEYS[table], *tables.GOLD_MEASURES[table], "slot_month"))
    newest = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY snapshot DESC)"
    pinned = _pinned(release, f"{tables.GOLD_SCHEMA}.{table}")
    return (
        f"SELECT {columns}, {release.release} AS release FROM ("
        f"SELECT *, {newest} AS place FROM {pinned} WHERE snapshot <= {release.snapshot}) WHERE place = 1"
    )


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
