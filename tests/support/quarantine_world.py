"""A quarantine in memory, that answers as Trino would: rows by what a statement asks for."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.trino import Row, SqlError
from lakehouse.contracts.quarantine import Refused, Station
from lakehouse.contracts.tables import SILVER_KEYS, SILVER_SCHEMA
from lakehouse.quarantine.event import Kept
from lakehouse.quarantine.reading import Quarantine
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import TableState
from tests.support.logged_warehouse import LAYOUT
from tests.support.release_documents import release, snapshot

AT = datetime(2026, 11, 23, 10, 5, 1, 123_000, UTC)


def rejected(body: bytes, **more: Any) -> Row:
    """A row of bronze's quarantine."""
    known = {"at": AT, "station": "edge", "merchant_id": "shop-1", "reason": "unknown_currency"}
    known |= {"detail": "data.currency", "id": "e1", "edge": "edge-1", "segment": None, "seq": None, "body": body}
    known |= {"digest": hashlib.sha256(body).digest(), "size": len(body)}
    return known | {"kafka_topic": "rejected", "kafka_partition": 0, "kafka_offset": 7} | more


def uncounted(seq: int, data: dict[str, Any], **more: Any) -> Row:
    """A row of silver that does not count, with what bronze has of it."""
    known: Row = {"at": AT, "station": "models", "merchant_id": "shop-1", "reason": "conflicting_duplicate"}
    known |= {"detail": None, "id": "e1", "edge": "edge-1", "segment": "aa-0", "seq": seq, "digest": None, "size": 9}
    known |= {"source": "/s", "type": "order.placed", "time": AT, "subject": None, "dataschema": None}
    known |= {"extensions": '{"x":1}', "data": json.dumps(data), "kafka_partition": 1, "kafka_offset": 3}
    return known | more


def kept(row: Row) -> Kept:
    named = (row[name] for name in ("merchant_id", "reason", "detail", "id", "edge", "digest", "segment", "seq"))
    return Kept(Refused(row["at"], Station(row["station"]), *named), row["body"])


def order(number: int, currency: str, price: int = 50, quantity: int = 2) -> dict[str, Any]:
    lines = [{"product_id": "p", "quantity": quantity, "unit_price_minor": price}]
    data = {"order_id": f"o{number}", "currency": currency, "items": lines}
    known = {"specversion": "1.0", "id": f"e{number}", "source": "/s", "type": "order.placed"}
    return known | {"time": "2026-11-23T10:00:00Z", "data": data}


def sent(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


@dataclass
class QuarantineWorld:
    """``error`` is what Trino refuses every statement with that it is asked; ``asked`` are the statements."""

    bronze: list[Row] = field(default_factory=list)
    silver: list[Row] = field(default_factory=list)
    replays: list[tuple[str, str]] = field(default_factory=list)
    counted: Row | None = None
    error: str | None = None
    asked: list[str] = field(default_factory=list)

    def query(self, sql: str) -> list[Row]:
        return list(self.stream(sql))

    def stream(self, sql: str) -> Iterator[Row]:
        self.asked.append(sql)
        if self.error is not None:
            raise SqlError("no", self.error)
        yield from self._answer(sql)

    def _answer(self, sql: str) -> list[Row]:
        if "GROUPING SETS" in sql:
            return self._counts()
        if "replay_of" in sql:
            found = ([*name.rsplit("/", 2), entry] for entry, name in self.replays)
            return [{"edge": e, "segment": s, "seq": int(n), "replay_of": entry} for e, s, n, entry in found]
        if "copy_type" in sql:
            return [self.counted] if self.counted else []
        if "LIMIT" in sql:
            return sorted([*self.bronze, *self.silver], key=lambda row: row["at"], reverse=True)
        return self.bronze if "kafka_topic" in sql else self.silver

    def _counts(self) -> list[Row]:
        rows = [*self.bronze, *self.silver]
        known: Row = dict.fromkeys(("station", "reason", "merchant_id", "hour"))
        return [
            known | {"kind": kind, "entries": len(rows)} | {name: rows[0][name] for name in names if name in rows[0]}
            for kind, names in ((1, ("station", "reason")), (2, ("merchant_id",)))
            if rows
        ] + [known | {"kind": 3, "hour": AT.replace(minute=0, second=0, microsecond=0), "entries": len(rows)}]

    def quarantine(self, files: LocalFiles) -> Quarantine:
        return Quarantine(self, files, LAYOUT)


def released(folder: Path) -> LocalFiles:
    """A warehouse with a release that names silver's tables."""
    files = LocalFiles(folder)
    states = {f"{SILVER_SCHEMA}.{name}": TableState("silver_v1", f"/{name}", 4) for name in SILVER_KEYS}
    ReleaseLog(files, LAYOUT).append(release(1, snapshot(1, 4, states)))
    return files
