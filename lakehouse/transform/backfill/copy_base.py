"""What lies outside of ``--since`` and ``--until``: copied from the version that a candidate is built beside.

In: the base's snapshot, and a span of events' time. Out: tables of the candidate that hold the base's rows outside of
it, all as of snapshot 1. Only the newest row of a key is copied: what the base's earlier releases showed stays with the
base.
"""

import re

from lakehouse.clients.trino import Trino
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.errors import LakehouseError, RefusedError
from lakehouse.releases.model import Snapshot, TableState
from lakehouse.transform.building.literals import timestamp

SNAPSHOT = SnapshotNumber(1)


def copy_outside(
    trino: Trino, base: Snapshot, version: GoldVersionNumber, since: int | None, until: int | None
) -> None:
    """The schemas of ``version`` must be there, and empty."""
    for name, state in sorted(base.tables.items()):
        layer, _, table = name.partition(".")
        target = f"{tables.CATALOG}.{tables.physical_schema(layer, version)}.{table}"
        trino.query(_statement(trino, base, state, layer, table, target, since, until))


def refuse_new_tables(base: Snapshot, built: dict[str, TableState]) -> None:
    """A table that the base has not cannot be copied from it: it would begin at ``since``. Columns are compared by the
    definition itself, before it adds to the copy (``dbt_project/macros/refuse_other_columns.sql``)."""
    new = sorted(set(built) - set(base.tables))
    if new:
        raise RefusedError(
            f"the definition has tables that gold version {base.gold_version} has not: {', '.join(new)}. "
            "They need all of history: reprocess without --since and --until"
        )


def _statement(
    trino: Trino,
    base: Snapshot,
    state: TableState,
    layer: str,
    table: str,
    target: str,
    since: int | None,
    until: int | None,
) -> str:
    source = f"{tables.CATALOG}.{state.schema}.{table}"
    names = [row["Column"] for row in trino.query(f"SHOW COLUMNS FROM {source}")]
    kept = [f'"{name}"' if name != "snapshot" else f"BIGINT '{SNAPSHOT}' AS snapshot" for name in names]
    instant = '"time"' if layer == tables.SILVER_SCHEMA else "slot"
    rows = f"{state.pinned(table)} WHERE {_outside(instant, since, until)}"
    if layer == tables.GOLD_SCHEMA:
        keys = ", ".join((*tables.GOLD_KEYS[table], "slot_month"))
        newest = f"row_number() OVER (PARTITION BY {keys} ORDER BY snapshot DESC) AS place"
        rows = f"(SELECT *, {newest} FROM {rows} AND snapshot <= {base.number}) WHERE place = 1"
    partitions = f"WITH (partitioned_by = {_partitions(trino, source)})"
    return f"CREATE TABLE {target} {partitions} AS SELECT {', '.join(kept)} FROM {rows}"


def _outside(instant: str, since: int | None, until: int | None) -> str:
    sides = []
    if since is not None:
        sides.append(f"{instant} < TIMESTAMP '{timestamp(since)}'")
    if until is not None:
        sides.append(f"{instant} >= TIMESTAMP '{timestamp(until)}'")
    return f"({' OR '.join(sides)})"


def _partitions(trino: Trino, table: str) -> str:
    shown = trino.query(f"SHOW CREATE TABLE {table}")[0]["Create Table"]
    match = re.search(r"partitioned_by = (ARRAY\[[^\]]*\])", shown)
    if match is None:
        raise LakehouseError(f"{table} has no partitions: it is not a table of a release")
    return match[1]
