"""Reads quarantine: what the edge and streaming refused, and what the models do not count.

In: Trino, and the release log, which says what the live generation of bronze is and which state of silver readers see.
Out: counts, the newest entries, one entry with all that is known of it, or a stream of entries with what was kept of
them. An entry is there once, however often it was delivered, and memory holds a page of rows, and names.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from lakehouse.clients.files import Files
from lakehouse.clients.trino import Row, SqlError
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.quarantine import Place, Refused, Station, place_of
from lakehouse.quarantine import statements
from lakehouse.quarantine.event import Kept, cloud_event
from lakehouse.quarantine.selection import Named, Selection, Where
from lakehouse.quarantine.statements import Sources
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog

_NOT_THERE = frozenset({"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"})
"""The first cycle has not registered the tables yet."""
_FIRST_DAY = "1970-01-01"


class Sql(Protocol):
    """What is needed of Trino."""

    def query(self, sql: str) -> list[Row]: ...

    def stream(self, sql: str) -> Iterator[Row]: ...


@dataclass(frozen=True)
class Entry:
    """A line of the list. ``replays`` are positions that name it, as far as bronze has them; None if nobody asked."""

    refused: Refused
    size: int | None
    replays: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Counts:
    """``by_reason`` by station and reason, the merchants that have most, and the newest hours."""

    by_reason: dict[tuple[str, str], int]
    by_merchant: dict[str | None, int]
    by_hour: dict[datetime, int]

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())


@dataclass(frozen=True)
class Found:
    """One entry whole. ``deliveries`` are its places in Kafka; ``counted`` is the event that counts in its place."""

    entry: Entry
    kept: Kept
    deliveries: tuple[Row, ...]
    counted: Row | None


class Quarantine:
    """Of one warehouse, as it is when it is asked. Safe for several threads."""

    def __init__(self, trino: Sql, files: Files, layout: Layout) -> None:
        self._trino = trino
        self._log = ReleaseLog(files, layout)
        self._log_lock = threading.Lock()

    def counts(self, where: Where, limit: int) -> Counts:
        """All reasons, and at most ``limit`` merchants and hours."""
        rows = self._query(lambda sources: statements.counts(sources, where, limit))
        of = {kind: [row for row in rows if row["kind"] == kind] for kind in {row["kind"] for row in rows}}
        return Counts(
            {(row["station"], row["reason"]): row["entries"] for row in of.get(statements.BY_REASON, ())},
            {row["merchant_id"]: row["entries"] for row in of.get(statements.BY_MERCHANT, ())},
            {row["hour"]: row["entries"] for row in of.get(statements.BY_HOUR, ())},
        )

    def newest(self, where: Where, limit: int, *, replays: bool = False) -> list[Entry]:
        """The newest first; with ``replays`` all events are looked through that were accepted since."""
        rows = self._query(lambda sources: statements.newest(sources, where, limit))
        found = [Entry(_refused(row), row["size"]) for row in rows]
        if not replays:
            return found
        known = self._replays([entry.refused for entry in found])
        return [replace(entry, replays=tuple(known.get(entry.refused.name, ()))) for entry in found]

    def find(self, name: str) -> Found | None:
        """None if there is no entry of that name."""
        place = place_of(name)
        if place is None:
            return None
        rows = [(kept, row) for kept, row in self._rows(Named({name: place})) if kept.refused.name == name]
        if not rows:
            return None
        kept = rows[0][0]
        replays = self._replays([kept.refused]).get(name, [])
        deliveries = tuple(delivery for _, row in rows if (delivery := _delivery(row)) is not None)
        return Found(Entry(kept.refused, len(kept.body), tuple(replays)), kept, deliveries, self._counted(place))

    def kept(self, selection: Selection) -> Iterator[Kept]:
        """Each entry once, in no order."""
        seen: set[str] = set()
        for kept, _ in self._rows(selection):
            name = kept.refused.name
            if name not in seen and (isinstance(selection, Where) or name in selection.places):
                seen.add(name)
                yield kept

    def replayed(self, since: datetime) -> set[str]:
        """What replays name that were accepted on the day of an instant or later: all of it, for many entries."""
        rows = self._query(lambda sources: statements.replays(sources, None, f"{since:%Y-%m-%d}"))
        return {row["replay_of"] for row in rows}

    def _rows(self, selection: Selection) -> Iterator[tuple[Kept, Row]]:
        for row in self._stream(lambda sources: statements.rejected_bytes(sources, selection)):
            yield Kept(_refused(row), row["body"]), row
        for row in self._stream(lambda sources: statements.uncounted_events(sources, selection)):
            yield Kept(_refused(row), cloud_event(row)), row

    def _replays(self, entries: list[Refused]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        if entries:
            # Another generation reads again what streaming refused, and says that this was later.
            days = [_FIRST_DAY if one.station is Station.STREAMING else f"{one.at:%Y-%m-%d}" for one in entries]
            names = sorted({one.name for one in entries})
            for row in self._query(lambda sources: statements.replays(sources, names, min(days))):
                found.setdefault(row["replay_of"], []).append(f"{row['edge']}/{row['segment']}/{row['seq']}")
        return found

    def _counted(self, place: Place) -> Row | None:
        position = place.position
        if position is None:
            return None
        rows = self._query(lambda sources: statements.counted_instead(sources, position))
        return rows[0] if rows else None

    def _sources(self) -> Sources:
        with self._log_lock:
            published = self._log.current()
        release = published.release if published else None
        return Sources(release.bronze.generation if release else FIRST_GENERATION, release)

    def _query(self, statement: Callable[[Sources], str | None]) -> list[Row]:
        return list(self._ask(self._trino.query, statement))

    def _stream(self, statement: Callable[[Sources], str | None]) -> Iterator[Row]:
        return self._ask(self._trino.stream, statement)

    def _ask(self, ask: Callable[[str], Any], statement: Callable[[Sources], str | None]) -> Iterator[Row]:
        """Trino refuses a statement before its first row, so that it can be asked in another way."""
        sources = self._sources()
        for each in (sources, sources.without_unreadable):
            sql = statement(each)
            try:
                yield from ask(sql) if sql is not None else ()
                return
            except SqlError as error:
                if error.name in _NOT_THERE:
                    return
                if error.name != "COLUMN_NOT_FOUND" or not each.marks_unreadable:
                    raise


def _refused(row: Row) -> Refused:
    position = (row["segment"], row["seq"]) if row["station"] == Station.MODELS else (None, None)
    said = (row[name] for name in ("merchant_id", "reason", "detail", "id", "edge", "digest"))
    return Refused(row["at"], Station(row["station"]), *said, *position)


def _delivery(row: Row) -> Row | None:
    if row["kafka_offset"] is None:
        return None
    topic = row.get("kafka_topic") or "events"
    return {"topic": topic, "partition": row["kafka_partition"], "offset": row["kafka_offset"]}
