"""The SQL that reads quarantine. Pure.

In: the live generation of bronze and the current release, and which entries are meant. Out: statements with the same
columns for all three stations: what the edge and streaming refused lies in bronze's quarantine, what the models do not
count in silver as the release has it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lakehouse.clients.trino import literal, timestamp_literal
from lakehouse.contracts import tables
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.quarantine import UNREADABLE_BY_MODEL, Place, Station
from lakehouse.quarantine.selection import Named, Selection, Where
from lakehouse.releases.model import Release

_BODY = "coalesce(body, X'')"
_KNOWN = "at, station, merchant_id, reason, detail, id, edge, segment, seq, digest, size"
BY_REASON, BY_MERCHANT, BY_HOUR = 1, 2, 3
"""What ``kind`` of :func:`counts` is: which of (reason, merchant) is not grouped by, as bits."""
_EVENT = 'b.source, b.type, b."time", b.subject, b.dataschema, b.extensions, b.data'


@dataclass(frozen=True)
class Sources:
    """Where entries lie. ``marks_unreadable`` is false of a definition of before 0.1.0, which knows no such column."""

    generation: GenerationNumber
    release: Release | None
    marks_unreadable: bool = True

    @property
    def without_unreadable(self) -> "Sources":
        return replace(self, marks_unreadable=False)

    @property
    def quarantine(self) -> str:
        return f"{tables.CATALOG}.{tables.BRONZE_SCHEMA}.{tables.quarantine_table(self.generation)}"

    @property
    def events(self) -> str:
        return f"{tables.CATALOG}.{tables.BRONZE_SCHEMA}.{tables.bronze_table(self.generation)}"

    def silver(self, name: str) -> str | None:
        state = self.release and self.release.tables.get(f"{tables.SILVER_SCHEMA}.{name}")
        return state.pinned(name) if state else None


def newest(sources: Sources, where: Where, limit: int) -> str:
    order = "at DESC, merchant_id, id, digest, segment, seq"
    return f"SELECT * FROM ({_entries(sources, where)}) ORDER BY {order} LIMIT {limit}"


def counts(sources: Sources, where: Where, limit: int) -> str:
    """How many entries there are: by station and reason, of the ``limit`` merchants that have most, and of as many of
    the newest hours."""
    return (
        f"WITH found AS (SELECT *, date_trunc('hour', at) AS hour FROM ({_entries(sources, where)})), "
        "grouped AS (SELECT station, reason, merchant_id, hour, count(*) AS entries, grouping(reason, merchant_id) "
        "AS kind FROM found GROUP BY GROUPING SETS ((station, reason), (merchant_id), (hour))), "
        "placed AS (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY hour DESC, entries DESC, reason, "
        "station, merchant_id) AS place FROM grouped) "
        "SELECT kind, station, reason, merchant_id, hour, entries FROM placed "
        f"WHERE place <= {limit} OR kind = {BY_REASON} ORDER BY place"
    )


def rejected_bytes(sources: Sources, selection: Selection) -> str:
    """What the edge and streaming refused, each delivery with its bytes."""
    return (
        "SELECT quarantined_at AS at, station, merchant_id, reason, detail, id, edge, "
        "CAST(NULL AS VARCHAR) AS segment, CAST(NULL AS BIGINT) AS seq, "
        f"sha256({_BODY}) AS digest, length({_BODY}) AS size, {_BODY} AS body, kafka_topic, kafka_partition, "
        f"kafka_offset FROM {sources.quarantine} WHERE {_of_rejected(selection)}"
    )


def uncounted_events(sources: Sources, selection: Selection) -> str | None:
    """What the models do not count, each delivery as bronze has it; None if there is no such table."""
    found = _uncounted(sources, _of_accepted(selection))
    if found is None:
        return None
    return (
        f"SELECT v.*, {_EVENT}, b.kafka_partition, b.kafka_offset FROM ({found}) v JOIN {sources.events} b "
        f"ON b.edge = v.edge AND b.segment = v.segment AND b.seq = v.seq "
        f"AND b.{tables.BRONZE_PARTITION} = CAST(v.at AS DATE)"
    )


def counted_instead(sources: Sources, position: tuple[str, str, int]) -> str | None:
    """The event that counts under the identity of a copy, with the copy's own."""
    events, copies = sources.silver(tables.SILVER_EVENTS), sources.silver(tables.SILVER_DUPLICATES)
    if events is None or copies is None:
        return None
    both = ", ".join(f'e."{name}", c."{name}" AS copy_{name}' for name in ("type", "time", "data"))
    alike = " AND ".join(f"e.{name} = c.{name}" for name in tables.SILVER_KEYS[tables.SILVER_EVENTS])
    return (
        f"SELECT e.edge, e.segment, e.seq, {both} FROM {events} e "
        f"JOIN {copies} c ON {alike} WHERE {_at_position(position, 'c.')}"
    )


def replays(sources: Sources, names: Iterable[str] | None, since: str) -> str:
    """The positions that name entries, accepted from a day on; of any entry without ``names``."""
    which = "replay_of IS NOT NULL" if names is None else f"replay_of IN ({', '.join(map(literal, names))})"
    return (
        f"SELECT DISTINCT replay_of, edge, segment, seq FROM {sources.events} "
        f"WHERE {which} AND {tables.BRONZE_PARTITION} >= DATE '{since}' ORDER BY 1, 2, 3, 4"
    )


def _entries(sources: Sources, where: Where) -> str:
    """Each entry once: what was delivered twice, or written by a batch that bronze lacks, is the same."""
    keys = "station, merchant_id, reason, detail, id, edge"
    rejected = (
        f"SELECT max(quarantined_at) AS at, {keys}, CAST(NULL AS VARCHAR) AS segment, CAST(NULL AS BIGINT) AS seq, "
        f"sha256({_BODY}) AS digest, max(length({_BODY})) AS size FROM {sources.quarantine} "
        f"WHERE {_of_rejected(where)} GROUP BY {keys}, sha256({_BODY}), if(station = 'edge', quarantined_at)"
    )
    uncounted = _uncounted(sources, _of_accepted(where))
    return rejected if uncounted is None else f"{rejected} UNION ALL {uncounted}"


def _uncounted(sources: Sources, condition: str) -> str | None:
    copies, facts = sources.silver(tables.SILVER_DUPLICATES), sources.silver(tables.SILVER_SALES_FACTS)
    known = "accepted_at AS at, '{station}' AS station, merchant_id, {reason} AS reason, {detail} AS detail, id, edge, "
    known += "segment, seq, CAST(NULL AS VARBINARY) AS digest, {size} AS size"
    parts = []
    if copies is not None:
        columns = known.format(station=Station.MODELS, reason="verdict", detail="detail", size="length(data)")
        parts.append(f"SELECT {columns} FROM {copies} WHERE verdict <> 'duplicate'")
    if facts is not None and sources.marks_unreadable:
        nothing = "CAST(NULL AS VARCHAR)"
        columns = known.format(
            station=Station.MODELS, reason=literal(UNREADABLE_BY_MODEL), detail=nothing, size="CAST(NULL AS BIGINT)"
        )
        parts.append(f"SELECT {columns} FROM {facts} WHERE unreadable AND NOT replaced")
    return f"SELECT {_KNOWN} FROM ({' UNION ALL '.join(parts)}) WHERE {condition}" if parts else None


def _of_rejected(selection: Selection) -> str:
    if isinstance(selection, Named):
        return _any(_is_rejected(place) for place in selection.places.values())
    day = tables.QUARANTINE_PARTITION
    parts = _alike(selection, "quarantined_at")
    if selection.since is not None:
        parts.append(f"{day} >= DATE '{selection.since:%Y-%m-%d}'")
    if selection.until is not None:
        parts.append(f"{day} <= DATE '{selection.until:%Y-%m-%d}'")
    return " AND ".join(parts) or "true"


def _of_accepted(selection: Selection) -> str:
    if isinstance(selection, Named):
        return _any(_at_position(place.position) for place in selection.places.values() if place.position)
    return " AND ".join(_alike(selection, "at")) or "true"


def _alike(where: Where, at: str) -> list[str]:
    texts = {"reason": where.reason, "merchant_id": where.merchant, "station": where.station}
    parts = [f"{name} = {literal(value)}" for name, value in texts.items() if value is not None]
    if where.since is not None:
        parts.append(f"{at} >= {timestamp_literal(where.since)}")
    if where.until is not None:
        parts.append(f"{at} < {timestamp_literal(where.until)}")
    return parts


def _is_rejected(place: Place) -> str:
    if place.at is not None:
        day = f"{tables.QUARANTINE_PARTITION} = DATE '{place.at:%Y-%m-%d}'"
        return f"(station = '{Station.EDGE}' AND {day} AND quarantined_at = {timestamp_literal(place.at)})"
    if place.digest is not None:
        begins = f"substr(sha256({_BODY}), 1, {len(place.digest) // 2}) = X'{place.digest}'"
        return f"(station = '{Station.STREAMING}' AND {begins})"
    return "false"


def _at_position(position: tuple[str, str, int], of: str = "") -> str:
    edge, segment, seq = position
    return f"({of}edge = {literal(edge)} AND {of}segment = {literal(segment)} AND {of}seq = {seq})"


def _any(conditions: Iterable[str]) -> str:
    return " OR ".join(conditions) or "false"
