"""One event's path as a document.

In: the stages of a stack and an event's id. Out: for each copy that was accepted its position, raw file, Kafka offset,
bronze commit, verdict, and the numbers that count it with the release that showed them first.
"""

import json
from datetime import datetime
from typing import Any

from lakehouse.clients.files import Files
from lakehouse.clients.trino import Row, Trino
from lakehouse.contracts import tables
from lakehouse.contracts.events import EventType
from lakehouse.contracts.ids import GenerationNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.topics import EVENTS
from lakehouse.event_trace import stages
from lakehouse.event_trace.stages import EventQuery
from lakehouse.instants import to_text
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import Published, ReleaseLog

Document = dict[str, Any]

_SALES = {EventType.ORDER_PLACED, EventType.ORDER_CANCELLED, EventType.REFUND_ISSUED}


class Tracer:
    """Reads one stack."""

    def __init__(self, trino: Trino, files: Files, layout: Layout) -> None:
        self._trino, self._files, self._layout = trino, files, layout

    def trace(self, query: EventQuery) -> Document:
        """``copies`` holds one entry for each accepted position, ``rejected`` what was rejected under the same id."""
        releases = ReleaseLog(self._files, self._layout).refresh()
        generation = releases[-1].release.bronze.generation if releases else FIRST_GENERATION
        rows = stages.bronze_rows(self._trino, generation, query)
        folder = self._layout.bronze(generation)
        versions = stages.bronze_versions(self._files, folder, {row["file"] for row in rows})
        positions: dict[tuple[str, str, int], list[Row]] = {}
        for row in rows:
            positions.setdefault((row["edge"], row["segment"], row["seq"]), []).append(row)
        copies = [self._copy(found, versions, generation, releases) for found in positions.values()]
        rejected = [_plain(row) for row in stages.rejected_rows(self._trino, generation, query)]
        return {"id": query.id, "copies": copies, "rejected": rejected}

    def _copy(
        self, rows: list[Row], versions: dict[str, int], generation: GenerationNumber, releases: list[Published]
    ) -> Document:
        row = rows[0]
        shipped = stages.raw_manifest(self._files, self._layout, row)
        identity = {name: row[name] for name in ("merchant_id", "source", "id", "type", "time")}
        return _plain(identity) | {
            "extensions": json.loads(row["extensions"] or "{}"),
            "replay_of": row["replay_of"],
            "accepted": _plain({name: row[name] for name in ("edge", "segment", "seq", "accepted_at")}),
            "raw": {"file": shipped[0], "first": shipped[1].first, "last": shipped[1].last} if shipped else None,
            "bronze": [_delivery(one, versions, generation) for one in rows],
            **self._counted(row, releases),
        }

    def _counted(self, row: Row, releases: list[Published]) -> Document:
        """The verdict of silver, and where gold counts the event, both as the current release has them."""
        current = releases[-1] if releases else None
        silver = stages.silver_row(self._trino, current.release, row) if current else None
        if current is None or silver is None:
            return {"silver": None, "gold": None}
        version = current.release.gold_version
        verdict = {"verdict": silver["verdict"], "snapshot": silver["snapshot"], "gold_version": version}
        gold = self._gold(row, silver, releases) if silver["verdict"] == "counts" else None
        return {"silver": verdict, "gold": gold}

    def _gold(self, row: Row, silver: Row, releases: list[Published]) -> Document | None:
        """The row of gold that counts the event; None where no metric of the catalogue counts its type."""
        release = releases[-1].release
        keys: Document = {"merchant_id": row["merchant_id"], "slot": stages.slot_of(row["time"])}
        if row["type"] == EventType.PAGE_VIEWED:
            table, counted, since = tables.MERCHANT_TRAFFIC, True, SnapshotNumber(silver["snapshot"])
        elif row["type"] in _SALES:
            fact = stages.sales_fact(self._trino, release, row)
            if fact is None:
                return None
            table, counted, since = tables.MERCHANT_SALES, fact["counted"], SnapshotNumber(fact["snapshot"])
            keys["currency"] = fact["currency"]
        else:
            return None
        found = stages.gold_row(self._trino, release, table, keys)
        measures = {name: found[name] for name in tables.GOLD_MEASURES[table]} if found else {}
        return _plain(keys) | {"table": table, "counted": counted, **_shown(releases, since), "row": _plain(measures)}


def _shown(releases: list[Published], since: SnapshotNumber) -> Document:
    """The first release that showed what this snapshot wrote."""
    first = stages.first_release(releases, releases[-1].release.gold_version, since)
    if first is None:
        return {"release": None, "released_at": None}
    return {"release": first.number, "released_at": to_text(first.released_at)}


def _delivery(row: Row, versions: dict[str, int], generation: GenerationNumber) -> Document:
    name = str(row["file"]).rpartition("/")[2]
    kafka = None
    if row["kafka_offset"] is not None:
        kafka = {"topic": EVENTS.name, "partition": row["kafka_partition"], "offset": row["kafka_offset"]}
    return {"kafka": kafka, "generation": generation, "delta_version": versions.get(name)}


def _plain(row: Row) -> Document:
    return {name: to_text(value) if isinstance(value, datetime) else _number(value) for name, value in row.items()}


def _number(value: Any) -> Any:
    """A Decimal of minor units is an integer."""
    return value if isinstance(value, str | int | bool | None) else int(value)
