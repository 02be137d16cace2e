"""Months of events that have long been in bronze: as many as wanted, within minutes.

In: a number of rows. Out: a bronze table with the statement of its writer in each commit, and what its edge would have
left, written without the line that would take hours for it. The events are those of the simulated shops; more rows are
more shops, each copy of the pool under names of its own. One row of a hundred is a repeat, as senders repeat.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, write_deltalake

from lakehouse.clients.files import Files
from lakehouse.contracts import tables
from lakehouse.contracts.commit_info import BronzeCommit, EdgeWatermarks
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import CLOSED_MARK, EdgeLedger, RawManifest
from lakehouse.contracts.topics import EVENTS
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, parse_hour
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.simulate.dataset import Dataset, simulated

SEED = 20261124
MERCHANTS = 25
VISITS_PER_DAY = 30.0
POOL_EVENTS = 200_000
COMMIT_ROWS = 500_000
REPEATED = 100
"""One event of so many is sent twice."""
INCARNATION = f"{1:016x}"
EDGE = "edge-of-history"

_STAMP = pa.timestamp("us", tz="UTC")
_TYPES = {
    "date": pa.date32(),
    "timestamp": _STAMP,
    "string": pa.string(),
    "binary": pa.binary(),
    "bigint": pa.int64(),
    "int": pa.int32(),
}
_TABLE = {
    "delta.enableChangeDataFeed": "true",
    "delta.enableDeletionVectors": "false",
    "delta.checkpointInterval": "50",
    "delta.dataSkippingNumIndexedCols": "10",
}


@dataclass(frozen=True)
class History:
    """About so many ``rows``; the last day is that before ``end``."""

    rows: int
    days: int
    end: datetime

    @cached_property
    def dataset(self) -> Dataset:
        """What one copy of the shops sends. Fewer shops where little is wanted."""
        wanted = min(self.rows, POOL_EVENTS)
        visits = wanted / self.days / MERCHANTS / 4.6
        start = self.end - timedelta(days=self.days)
        return simulated(
            seed=SEED, merchants=MERCHANTS, start=start, end=self.end, visits_per_day=min(visits, VISITS_PER_DAY)
        )

    @cached_property
    def pool(self) -> pa.Table:
        """The events of one copy in the order of their time."""
        found = list(self.dataset.events())
        encode = msgspec.json.encode
        return pa.table(
            {
                "merchant_id": [merchant for merchant, _ in found],
                "source": [event["source"] for _, event in found],
                "id": [event["id"] for _, event in found],
                "type": [event["type"] for _, event in found],
                "time": pa.array([datetime.fromisoformat(event["time"]) for _, event in found], _STAMP),
                "data": [encode(event["data"]).decode() for _, event in found],
            }
        )

    @cached_property
    def copies(self) -> int:
        return max(1, round(self.rows / len(self.pool)))

    @property
    def merchants(self) -> list[str]:
        """All merchants, those of the first copy first."""
        own = sorted(set(self.pool["merchant_id"].to_pylist()))
        return [f"{_prefix(copy)}{merchant}" for copy in range(self.copies) for merchant in own]

    def commits(self) -> Iterator[pa.Table]:
        """Bronze rows in the order of acceptance, a commit at a time."""
        step, sequence = max(1, COMMIT_ROWS // self.copies), 0
        for number, start in enumerate(range(0, len(self.pool), step)):
            rows = self._copied(self.pool.slice(start, step))
            yield _bronze_rows(rows, f"{INCARNATION}-{number}", sequence)
            sequence += len(rows)

    def peer_events(self) -> pa.Table:
        """All of it as one table of plain columns, for who reads Parquet."""
        wanted = ["accepted_at", "seq", "merchant_id", "source", "id", "type", "time", "data"]
        return pa.concat_tables(commit.select(wanted) for commit in self.commits())

    def _copied(self, part: pa.Table) -> pa.Table:
        places = np.repeat(np.arange(len(part)), self.copies)
        copies = np.tile(np.arange(self.copies), len(part))
        again = np.arange(0, len(places), REPEATED)
        places, copies = np.append(places, places[again]), np.append(copies, copies[again])
        rows = part.take(places)
        prefixes = pa.array([_prefix(copy) for copy in range(self.copies)]).take(pa.array(copies))
        merchants = pc.binary_join_element_wise(prefixes, rows["merchant_id"].combine_chunks(), "")
        # An event of each copy a millisecond after the other; the repeats of a commit at its end.
        late = np.where(np.arange(len(places)) < len(places) - len(again), 500 + copies % 1000, 60_000)
        stamps = rows["time"].cast(pa.int64()).to_numpy() + late * 1000
        stamps = np.maximum.accumulate(stamps)
        return rows.set_column(0, "merchant_id", merchants).append_column(
            "accepted_at", pa.array(stamps, pa.int64()).cast(_STAMP)
        )


def write(history: History, table: str, quarantine: str) -> Counter[str]:
    """Writes the events and an empty quarantine at these addresses; returns how many were accepted in each hour."""
    nothing = _schema(tables.QUARANTINE_COLUMNS).empty_table()
    write_deltalake(quarantine, nothing, mode="append", partition_by=[tables.QUARANTINE_PARTITION])
    hours: Counter[str] = Counter()
    for number, rows in enumerate(history.commits()):
        write_deltalake(
            table,
            rows,
            mode="append",
            partition_by=[tables.BRONZE_PARTITION],
            configuration=_TABLE,
            commit_properties=CommitProperties(custom_metadata={"userMetadata": _statement(number, len(rows))}),
        )
        hours.update(pc.strftime(rows["accepted_at"], "%Y-%m-%dT%H").to_pylist())
    return hours


def vouch(files: Files, layout: Layout, hours: Mapping[str, int]) -> None:
    """What the edge of old has left: its ledger, and the manifest of raw files; so the ledger can be balanced."""
    segment, rows = f"{INCARNATION}-0", sum(hours.values())
    first, last = (_microseconds(hour) for hour in (min(hours), max(hours)))
    ledger = EdgeLedger(EDGE, INCARNATION, rows, dict(hours), CLOSED_MARK, last, closed=True)
    manifest = RawManifest(EDGE, segment, 0, rows - 1, rows, 0, "", dict(hours), first, last)
    files.write(layout.edge_ledger(EDGE, INCARNATION), msgspec.json.encode(ledger))
    files.write(layout.raw_manifest(min(hours)[:10], segment), msgspec.json.encode(manifest))


def _microseconds(hour: str) -> int:
    return parse_hour(hour) * MICROSECONDS_PER_HOUR


def ndjson(history: History, copies: range) -> Iterator[bytes]:
    """The events of some copies as ``lakehouse replay`` reads them."""
    encoded = [(merchant, msgspec.json.encode(event)) for merchant, event in history.dataset.events()]
    for copy in copies:
        for merchant, event in encoded:
            yield b'{"merchant":"' + f"{_prefix(copy)}{merchant}".encode() + b'",' + event[1:] + b"\n"


def midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _prefix(copy: int) -> str:
    return f"m{copy:04d}-"


def _bronze_rows(rows: pa.Table, segment: str, first: int) -> pa.Table:
    count = len(rows)
    columns = {name: rows[name] for name in rows.column_names} | {
        "accepted_date": rows["accepted_at"].cast(pa.date32()),
        "edge": pa.repeat(EDGE, count),
        "segment": pa.repeat(segment, count),
        "seq": pa.array(np.arange(first, first + count)),
    }
    schema = _schema(tables.BRONZE_COLUMNS)
    return pa.table([columns.get(f.name, pa.nulls(count, f.type)) for f in schema], schema=schema)


def _schema(columns: dict[str, str]) -> pa.Schema:
    return pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])


def _statement(number: int, rows: int) -> str:
    """As the bronze writer states it. No offset of Kafka is consumed, and the edge of old is closed."""
    mark = EdgeWatermarks(EDGE, INCARNATION, dict.fromkeys(range(EVENTS.partitions), CLOSED_MARK))
    said = BronzeCommit(
        generation=FIRST_GENERATION, epoch=0, batch=number, offsets={}, marks=[mark], rows=rows, quarantined=0
    )
    return msgspec.json.encode(said).decode()
