"""Bronze for tests of the models, written by an engine that is neither Spark nor Trino.

The rows are random and dense with trouble: copies and conflicts of one identity, repeats of an order within and beyond
35 days, acceptance in another order than arrival and at the same instant, redelivered positions. Instants are whole
milliseconds, as in bronze.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from lakehouse.contracts.commit_info import BronzeCommit, EdgeWatermarks, PartitionRange
from lakehouse.contracts.topics import EVENTS
from lakehouse.releases.generations import FIRST_GENERATION

START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One delivered event."""

    edge: str
    segment: str
    seq: int
    accepted_at: datetime
    merchant_id: str
    source: str
    id: str
    type: str
    time: datetime
    data: str
    from_raw: bool = False

    @property
    def position(self) -> tuple[str, str, int]:
        return (self.edge, self.segment, self.seq)

    @property
    def order(self) -> tuple[datetime, str, str, int]:
        return (self.accepted_at, self.edge, self.segment, self.seq)


SCHEMA = pa.schema(
    [
        ("accepted_date", pa.date32()),
        ("accepted_at", pa.timestamp("us", tz="UTC")),
        ("edge", pa.string()),
        ("segment", pa.string()),
        ("seq", pa.int64()),
        ("merchant_id", pa.string()),
        ("source", pa.string()),
        ("id", pa.string()),
        ("type", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("subject", pa.string()),
        ("dataschema", pa.string()),
        ("extensions", pa.string()),
        ("replay_of", pa.string()),
        ("data", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
    ]
)


def random_rows(seed: int, count: int) -> list[Row]:
    """``count`` rows in the order of arrival; their acceptance is shuffled."""
    chance = random.Random(seed)
    rows = [_random_row(chance, number) for number in range(count)]
    chance.shuffle(rows)
    return rows + chance.sample(rows, count // 20)


def _random_row(chance: random.Random, number: int) -> Row:
    kind = chance.choice(["order.placed"] * 4 + ["refund.issued", "order.cancelled", "page.viewed", "page.viewed"])
    day = chance.choice([0, 0, 1, 20, 36, 50, 72])
    time = START + timedelta(days=day, minutes=chance.randrange(0, 1440, 7), milliseconds=chance.choice([0, 1]))
    row = Row(
        edge=chance.choice(["edge-1", "edge-2"]),
        segment=f"{number % 3:016x}-{number % 5}",
        seq=number,
        accepted_at=START + timedelta(days=80, minutes=chance.randrange(30), milliseconds=number % 100),
        merchant_id=chance.choice(["shop-a", "shop-b"]),
        source="/shop",
        id=f"e{chance.randrange(80)}",
        type=kind,
        time=time,
        data="",
    )
    data = _data(chance, kind) | chance.choice([{}, {}, _UNKNOWN])
    if kind != "page.viewed" and chance.random() < 0.1:
        data = _broken(chance, data)
    return replace(row, data=json.dumps(data, separators=(",", ":"), ensure_ascii=chance.random() < 0.5))


_UNKNOWN = {
    "latency_ms": "soon",
    "quantity": 0.5,
    "unit_price_minor": True,
    "refund_ID": 1,
    "ORDER_ID": "x",
    "Items": {"quantity": "many"},
    "": [[], 1e300, 10**30],
    "note\u00e9\u0001 \U0001f600": None,
}
"""Fields that the contract does not know are kept, whatever they hold; the models must not stumble on them."""


def _data(chance: random.Random, kind: str) -> dict[str, Any]:
    key = f"k{chance.randrange(25)}"
    if kind == "page.viewed":
        return {"visitor_id": key, "session_id": key}
    if kind == "order.placed":
        line = {"product_id": "p", "quantity": chance.randrange(1, 9), "unit_price_minor": chance.randrange(10**13)}
        total = {"product_id": "q", "quantity": 10**6, "amount_minor": 10**13, "discount_minor": 7}
        order = {"order_id": key, "currency": chance.choice(["BRL", "JPY"]), "items": chance.sample([line, total], 2)}
        return order | chance.choice([{}, {"discount_minor": 3, "shipping_minor": 11, "tax_minor": 13}])
    money = {"amount_minor": 900, "currency": "BRL"} | chance.choice([{}, {"shipping_minor": 100, "tax_minor": 50}])
    if kind == "refund.issued":
        return {"refund_id": key, "order_id": key, **money}
    return {"order_id": key} | chance.choice([{}, money])


_NO_NUMBERS: tuple[Any, ...] = ("19.99", "", "1e3", True, 1.5, -1, 10**13 + 1, 10**20, [], {}, [1])


def _broken(chance: random.Random, data: dict[str, Any]) -> dict[str, Any]:
    """What the edge would never accept, and a stranger or another edge may have written."""
    field = chance.choice(["currency", "amount_minor", "shipping_minor", "discount_minor", "items", "key", "line"])
    if field == "key":
        return {name: value for name, value in data.items() if name not in ("order_id", "refund_id")}
    if field == "line" and "items" in data:
        name = chance.choice(["quantity", "unit_price_minor", "amount_minor", "discount_minor"])
        return data | {"items": [*data["items"], {"quantity": 1, "amount_minor": 1, name: chance.choice(_NO_NUMBERS)}]}
    if field == "currency":
        return data | {"currency": None}
    return data | {field: chance.choice(_NO_NUMBERS)}


def write(table: str, commits: list[list[Row]], now: datetime) -> None:
    """One Delta commit per list, with the statement that the bronze writer would make."""
    for number, rows in enumerate(commits):
        statement = BronzeCommit(
            generation=FIRST_GENERATION,
            epoch=1,
            batch=number,
            offsets={EVENTS.name: {0: PartitionRange(number, number + 1)}},
            marks=[
                EdgeWatermarks("edge-1", "0" * 16, dict.fromkeys(range(EVENTS.partitions), int(now.timestamp() * 1e6)))
            ],
            rows=len(rows),
            quarantined=0,
        )
        write_deltalake(
            table,
            pa.Table.from_pylist([_cells(row) for row in rows], schema=SCHEMA),
            mode="append",
            partition_by=["accepted_date"],
            configuration={"delta.enableChangeDataFeed": "true"},
            commit_properties=CommitProperties(
                custom_metadata={"userMetadata": msgspec.json.encode(statement).decode()}
            ),
        )


def _cells(row: Row) -> dict[str, Any]:
    known = {name: getattr(row, name, None) for name in SCHEMA.names}
    kafka = {} if row.from_raw else {"kafka_partition": 0, "kafka_offset": row.seq}
    return known | {"accepted_date": row.accepted_at.date()} | kafka


def chunks(rows: list[Row], count: int) -> Iterator[list[Row]]:
    size = -(-len(rows) // count)
    return (rows[start : start + size] for start in range(0, len(rows), size))
