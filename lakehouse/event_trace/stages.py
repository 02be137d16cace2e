"""What each stage holds of an event, read where it lies.

In: an event's id, perhaps its merchant and source. Out: bronze rows at the table's head, the raw file that covers a
position, the verdict of silver and the rows of gold as the current release has them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import msgspec

from lakehouse.clients import delta_log
from lakehouse.clients.files import Files
from lakehouse.clients.trino import Row, SqlError, Trino, literal, timestamp_literal
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import RawEncoding, RawManifest
from lakehouse.errors import NotFoundError
from lakehouse.releases.log import Published
from lakehouse.releases.model import Release


@dataclass(frozen=True)
class EventQuery:
    """Which event to trace."""

    id: str
    merchant_id: str | None = None
    source: str | None = None

    @property
    def condition(self) -> str:
        parts = {"id": self.id, "merchant_id": self.merchant_id, "source": self.source}
        return " AND ".join(f"{name} = {literal(value)}" for name, value in parts.items() if value is not None)


def bronze_rows(trino: Trino, generation: GenerationNumber, query: EventQuery) -> list[Row]:
    """Every delivery of every copy, in the order of acceptance. ``file`` is the data file that holds the row."""
    table = f"{tables.CATALOG}.{tables.BRONZE_SCHEMA}.{tables.bronze_table(generation)}"
    return _if_there(
        trino,
        f'SELECT *, "$path" AS file FROM {table} WHERE {query.condition} ORDER BY accepted_at, edge, segment, seq',
    )


def rejected_rows(trino: Trino, generation: GenerationNumber, query: EventQuery) -> list[Row]:
    """What was rejected under this id, by the edge or by streaming."""
    table = f"{tables.CATALOG}.{tables.BRONZE_SCHEMA}.{tables.quarantine_table(generation)}"
    merchant = f" AND merchant_id = {literal(query.merchant_id)}" if query.merchant_id else ""
    return _if_there(
        trino,
        "SELECT DISTINCT quarantined_at, station, merchant_id, reason, detail, edge, kafka_partition, kafka_offset "
        f"FROM {table} WHERE id = {literal(query.id)}{merchant} ORDER BY quarantined_at",
    )


def bronze_versions(files: Files, table_path: str, paths: set[str]) -> dict[str, int]:
    """The Delta version that brought in each of the data files. Walks the log from its head, until all are found."""
    missing = {PurePosixPath(path).name for path in paths}
    found: dict[str, int] = {}
    version = delta_log.head_version(files, table_path)
    while version is not None and version >= 0 and missing - found.keys():
        try:
            commit = delta_log.read_commit(files, table_path, version)
        except NotFoundError:
            break  # Older entries of the log have been cleaned up.
        names = {PurePosixPath(unquote(add.path)).name for add in commit.adds}
        found |= dict.fromkeys(names & missing, version)
        version -= 1
    return found


def raw_manifest(files: Files, layout: Layout, row: Row) -> tuple[str, RawManifest] | None:
    """The raw file that covers a position and its manifest; None if it has not been shipped yet.

    A segment lies under the day of its first event, which may be the day before that of a later one.
    """
    days = [f"{day:%Y-%m-%d}" for day in (row["accepted_at"], row["accepted_at"] - timedelta(days=1))]
    for date, name in chain(((date, row["segment"]) for date in days), _fills(files, layout, days[0], row["segment"])):
        try:
            data = files.read(layout.raw_manifest(date, name))
        except NotFoundError:
            continue
        manifest = msgspec.json.decode(data, type=RawManifest)
        if any(first <= row["seq"] <= last for first, last in manifest.held):
            return layout.raw_file(date, name, RawEncoding(manifest.encoding)), manifest
    return None


def _fills(files: Files, layout: Layout, date: str, segment: str) -> Iterator[tuple[str, str]]:
    """Raw files of a segment that were written from bronze: asked for where its own does not have a position."""
    suffix = layout.raw_manifest(date, "").rpartition("/")[2]
    for entry in files.list(layout.raw_folder(date)):
        if entry.name.startswith(f"{segment}.") and entry.name.endswith(suffix):
            yield date, entry.name.removesuffix(suffix)


def silver_row(trino: Trino, release: Release, row: Row) -> Row | None:
    """The verdict on a position: ``counts``, ``duplicate``, ``conflicting_duplicate`` or ``set_aside``; None if not
    consumed yet."""
    position = (
        f"event_date = DATE '{row['time']:%Y-%m-%d}' AND edge = {literal(row['edge'])} "
        f"AND segment = {literal(row['segment'])} AND seq = {row['seq']}"
    )
    found = trino.query(
        f"SELECT 'counts' AS verdict, snapshot FROM {_pinned(release, tables.SILVER_EVENTS)} WHERE {position} "
        f"UNION ALL SELECT verdict, snapshot FROM {_pinned(release, tables.SILVER_DUPLICATES)} WHERE {position}"
    )
    return found[0] if found else None


def sales_fact(trino: Trino, release: Release, row: Row) -> Row | None:
    """What a sale's event adds to its slot, and whether it counts or repeats another."""
    identity = EventQuery(row["id"], row["merchant_id"], row["source"]).condition
    found = trino.query(
        f"SELECT * FROM {_pinned(release, tables.SILVER_SALES_FACTS)} "
        f"WHERE event_date = DATE '{row['time']:%Y-%m-%d}' AND {identity}"
    )
    return found[0] if found else None


def gold_row(trino: Trino, release: Release, table: str, keys: dict[str, Any]) -> Row | None:
    """The row of a key in the release: the newest one written up to its snapshot."""
    state = release.tables[f"{tables.GOLD_SCHEMA}.{table}"]
    condition = " AND ".join(f"{name} = {_value(value)}" for name, value in keys.items())
    found = trino.query(
        f"SELECT * FROM {state.pinned(table)} "
        f"WHERE {condition} AND slot_month = DATE '{keys['slot']:%Y-%m}-01' AND snapshot <= {release.snapshot} "
        "ORDER BY snapshot DESC LIMIT 1"
    )
    return found[0] if found else None


def first_release(
    releases: Sequence[Published], version: GoldVersionNumber, snapshot: SnapshotNumber
) -> Published | None:
    """The first release that shows a snapshot of a gold version, or a later one of it."""
    shown = (one for one in releases if one.release.gold_version == version and one.release.snapshot >= snapshot)
    return next(shown, None)


def slot_of(at: datetime) -> datetime:
    """The start of the quarter of an hour of an aware UTC instant."""
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def _if_there(trino: Trino, sql: str) -> list[Row]:
    """Nothing where the first cycle has not registered the table yet."""
    try:
        return trino.query(sql)
    except SqlError as error:
        if error.name in ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"):
            return []
        raise


def _pinned(release: Release, name: str) -> str:
    return release.tables[f"{tables.SILVER_SCHEMA}.{name}"].pinned(name)


def _value(value: Any) -> str:
    return timestamp_literal(value) if isinstance(value, datetime) else literal(str(value))
