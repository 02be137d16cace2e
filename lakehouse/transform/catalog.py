"""What Trino's catalogue holds for us: schemas with known folders, the registered bronze tables, the readers' views.

In: a gold version and a bronze generation, or a release. Every step may be repeated.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlparse

from lakehouse.clients.trino import QueryFailedError, Trino
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import LakehouseError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import Release
from lakehouse.settings import Settings
from lakehouse.transform import views
from lakehouse.transform.gold_columns import Columns

DBT_TEMPORARY = "__dbt_tmp"
"""What dbt appends to the name of a model while it merges."""
_NO_LOG = "Metadata not found in transaction log"
"""How Trino says that there is no table where it knows one."""
_Answer = TypeVar("_Answer")


class NoTableError(LakehouseError):
    """Trino's catalogue has ``table``, and its folder has no Delta log: a query that creates a table, and was ended at
    the moment when Trino has just registered it, leaves that."""

    def __init__(self, table: str) -> None:
        super().__init__(f"{table} has no Delta log; what was never audited is made anew by the next build")
        self.table = table


def prepare(
    trino: Trino, settings: Settings, layout: Layout, version: GoldVersionNumber, generation: GenerationNumber
) -> None:
    """Makes the schemas of a gold version and of the readers, and registers the bronze tables."""
    schemas = {schema: f"{layout.root}/schemas/{schema}" for schema in tables.READER_SCHEMAS} | {
        tables.physical_schema(layer, version): layout.version_schema(version, layer) for layer in tables.VERSION_LAYERS
    }
    bronze = {
        tables.bronze_table(generation): layout.bronze(generation),
        tables.quarantine_table(generation): layout.quarantine(generation),
    }
    _at_once(lambda schema: _make_schema(trino, schema, f"{settings.hdfs_url}{schemas[schema]}"), schemas)
    _at_once(lambda table: _register(trino, table, f"{settings.hdfs_url}{bronze[table]}"), bronze)


def locations(
    trino: Trino, version: GoldVersionNumber, known: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """The folder on HDFS of each table of a gold version, by ``layer.table``; no scheme and no host. ``known`` ones
    are not asked for again."""
    layers = {tables.physical_schema(layer, version): layer for layer in tables.VERSION_LAYERS}
    schemas = ", ".join(f"'{schema}'" for schema in layers)
    rows = trino.query(
        f"SELECT table_schema, table_name FROM {tables.CATALOG}.information_schema.tables "
        f"WHERE table_schema IN ({schemas})"
    )
    # A dbt that was killed leaves its temporary view behind; the next one replaces it.
    found = {
        f"{layers[row['table_schema']]}.{row['table_name']}": f"{row['table_schema']}.{row['table_name']}"
        for row in rows
        if not row["table_name"].endswith(DBT_TEMPORARY)
    }
    folders = _at_once(lambda name: known.get(name) or location(trino, f"{tables.CATALOG}.{found[name]}"), found)
    return dict(zip(found, folders, strict=True))


def location(trino: Trino, table: str) -> str:
    """The folder on HDFS of a Delta table, without scheme and host. Raises :class:`NoTableError`."""
    try:
        shown = trino.query(f"SHOW CREATE TABLE {table}")[0]["Create Table"]
    except QueryFailedError as error:
        if _NO_LOG in str(error):
            raise NoTableError(table) from error
        raise
    match = re.search(r"location = '([^']+)'", shown)
    if match is None:
        raise LakehouseError(f"Trino names no location for {table}: it is not a Delta table of ours")
    return urlparse(match[1]).path


def show(trino: Trino, release: Release, columns: Columns) -> None:
    """Points the views that analysts read at a release."""
    first, then = views.statements(release, columns.of_gold(release.tables))
    _at_once(trino.query, [*views.bronze_statements(release.bronze.generation), *first])
    _at_once(trino.query, then)


def show_current(trino: Trino, log: ReleaseLog, columns: Columns | None = None) -> Published | None:
    """Points the views at the current release, and again if it has changed meanwhile: of two who do this at once, the
    one that shows last has seen the newest. ``columns`` remember what they were asked before."""
    shown: Published | None = None
    columns = columns or Columns(trino)
    while (current := log.current()) is not None and current != shown:
        show(trino, current.release, columns)
        shown = current
    return shown


def remove(trino: Trino, version: GoldVersionNumber) -> None:
    """Drops the tables of a gold version that has no snapshot yet, with their files, and its schemas. Safe to
    repeat."""
    for layer in tables.VERSION_LAYERS:
        schema = f"{tables.CATALOG}.{tables.physical_schema(layer, version)}"
        trino.query(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _at_once(ask: Callable[[str], _Answer], things: Iterable[str]) -> list[_Answer]:
    """The answers in the order of the things: most of what a statement of the catalogue costs is waiting."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, things))


def _make_schema(trino: Trino, schema: str, location: str) -> None:
    trino.query(f"CREATE SCHEMA IF NOT EXISTS {tables.CATALOG}.{schema} WITH (location = '{location}')")


def _register(trino: Trino, table: str, location: str) -> None:
    schema = tables.BRONZE_SCHEMA
    if trino.query(f"SHOW TABLES FROM {tables.CATALOG}.{schema} LIKE '{table}'"):
        return
    trino.query(
        f"CALL {tables.CATALOG}.system.register_table("
        f"schema_name => '{schema}', table_name => '{table}', table_location => '{location}')"
    )
