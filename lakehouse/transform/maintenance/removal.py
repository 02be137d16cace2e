"""The end of a dropped gold version: its tables leave Trino's catalogue and HDFS. Its documents stay, for they are
small and the log names them.

In: a version with a drop document. Out: nothing but the tables that something else still needs: those that a retained
release names, and those that another version shares. Killed anywhere, it can be repeated: what Trino has forgotten is
found by its folder. A table is unregistered, never dropped, so that Trino removes no file by itself; the views that a
killed dbt has left behind are dropped.
"""

from collections.abc import Iterator
from datetime import datetime

from lakehouse.clients.files import Files
from lakehouse.clients.trino import Trino, literal
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.version_status import Status, version_states
from lakehouse.releases.versions import Versions
from lakehouse.settings import ReleaseSettings
from lakehouse.transform import retention
from lakehouse.transform.retention import Needed


def remove_version(
    trino: Trino,
    files: Files,
    layout: Layout,
    version: GoldVersionNumber,
    settings: ReleaseSettings,
    now: datetime,
    restated_through: ReleaseNumber | None = None,
) -> list[str]:
    """Removes what only this version needs, and returns the folders. The caller holds the version's lock
    (``building``), as promote does, so that nobody publishes the version meanwhile. Raises :class:`RefusedError` if
    it is not dropped."""
    releases = ReleaseLog(files, layout).refresh()
    if not is_dropped(files, layout, version):
        raise RefusedError(f"gold version {version} has not been dropped; `lakehouse drop {version}` does that")
    need = retention.needed(files, layout, releases, now, settings, restated_through)
    doomed = [folder for folder in table_folders(files, layout, version) if folder not in need.since]
    remove_tables(trino, files, layout, version, doomed, need)
    return doomed


def is_dropped(files: Files, layout: Layout, version: GoldVersionNumber) -> bool:
    """Whether there is a drop document, and readers do not see the version all the same."""
    status = {s.number: s.status for s in version_states(Versions(files, layout), ReleaseLog(files, layout).refresh())}
    return status.get(version) is Status.DROPPED


def table_folders(files: Files, layout: Layout, version: GoldVersionNumber) -> Iterator[str]:
    """The folders of all tables that lie with a version, named by a snapshot or not."""
    for layer in tables.VERSION_LAYERS:
        for entry in files.list(layout.version_schema(version, layer)):
            if entry.is_folder:
                yield entry.path


def remove_tables(
    trino: Trino, files: Files, layout: Layout, version: GoldVersionNumber, folders: list[str], need: Needed
) -> None:
    """Catalogue first: a table that is gone from HDFS would be an error when the schema is listed."""
    left = {layer: _unregister(trino, tables.physical_schema(layer, version), need) for layer in tables.VERSION_LAYERS}
    for folder in folders:
        files.delete(folder)
    for layer in tables.VERSION_LAYERS:
        if not left[layer]:
            trino.query(f"DROP SCHEMA IF EXISTS {tables.CATALOG}.{tables.physical_schema(layer, version)}")
        if not files.list(layout.version_schema(version, layer)):
            files.delete(layout.version_schema(version, layer))


def _unregister(trino: Trino, schema: str, need: Needed) -> list[str]:
    """Returns the tables that stay."""
    rows = trino.query(
        "SELECT table_name, table_type = 'VIEW' AS is_view "
        f"FROM {tables.CATALOG}.information_schema.tables WHERE table_schema = {literal(schema)}"
    )
    left = []
    for row in rows:
        name = str(row["table_name"])
        if row["is_view"]:
            trino.query(f"DROP VIEW IF EXISTS {tables.CATALOG}.{schema}.{name}")
        elif (schema, name) in need.tables:
            left.append(name)
        else:
            trino.query(
                f"CALL {tables.CATALOG}.system.unregister_table("
                f"schema_name => {literal(schema)}, table_name => {literal(name)})"
            )
    return left
