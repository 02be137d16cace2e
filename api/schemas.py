"""The answers of the insights API, field by field, in the order in which they are sent.

From these rows come the JSON, the OpenAPI document and the columns of the CSV.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber

Instant = Annotated[str, Meta(description="RFC 3339 in UTC, for example 2026-11-23T10:00:00Z")]
LocalStamp = Annotated[str, Meta(description="ISO 8601 in local time with offset: 2026-11-23T10:00:00-03:00")]
Number = Annotated[
    int | float | None,
    Meta(
        description="Money in minor units and counts as integers, ratios to 6 decimals. 0 for nothing; null for 0/0 "
        "and for a bucket that had not begun when the release was published and holds nothing yet."
    ),
]


class TableVersion(msgspec.Struct, frozen=True):
    delta_version: int


class BronzeCommits(msgspec.Struct, frozen=True):
    """The newest bronze commit that was counted."""

    generation: GenerationNumber
    delta_version: int


class DefinitionOf(msgspec.Struct, frozen=True):
    """The models that computed the numbers."""

    fingerprint: str
    git_commit: str | None


class Receipt(msgspec.Struct, frozen=True):
    """Where an answer's numbers come from. Ask again with ``as_known_at`` = ``known_at`` for the same body."""

    release: ReleaseNumber
    released_at: Instant
    known_at: Instant
    complete_through: Instant | None
    gold_version: GoldVersionNumber
    tables: dict[str, TableVersion]
    bronze: BronzeCommits
    definition: DefinitionOf
    tzdata: str


class Previous(msgspec.Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """The same series, the same number of local days (grain month: months) before, bucket by bucket."""

    begin: LocalStamp
    end: LocalStamp
    values: list[Number]


class Series(msgspec.Struct, frozen=True):
    """One value for each of ``starts``. ``exponent`` is the number of decimals of the currency's minor unit."""

    metric: str
    unit: str
    currency: str | None
    exponent: int | None
    values: list[Number]
    previous: Previous | UnsetType = UNSET


class MetricsAnswer(msgspec.Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """``from`` and ``to`` are what the numbers cover: the range that was asked for, widened to quarters of an hour."""

    merchant_id: str
    grain: str
    tz: str
    begin: LocalStamp
    end: LocalStamp
    starts: list[LocalStamp]
    final_buckets: Annotated[
        int,
        Meta(description="So many leading buckets end at or before complete_through: they are final."),
    ]
    series: list[Series]
    receipt: Receipt


class Revision(msgspec.Struct, frozen=True):
    """From this release on the bucket had this value."""

    value: Number
    release: ReleaseNumber
    released_at: Instant
    reason: Annotated[
        str,
        Meta(
            description="late_events, new_definition or rollback: what changed the value. Of the first entry "
            "first_final, or oldest_kept where the bucket was final in earlier releases that can no longer be read."
        ),
    ]


class RevisionsAnswer(msgspec.Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """Oldest first, from the first final value on that can be read; empty while the bucket is not final."""

    merchant_id: str
    metric: str
    unit: str
    currency: str | None
    exponent: int | None
    grain: str
    tz: str
    begin: LocalStamp
    end: LocalStamp
    revisions: list[Revision]
    receipt: Receipt


class RestatementEntry(msgspec.Struct, frozen=True):
    """A final number that this release changed. The bucket is an hour or, where a release restated more than 24 hours
    of a month at once, a day (UTC); ``hours`` of its hours differ, also where they cancel out."""

    release: ReleaseNumber
    released_at: Instant
    reason: str
    metric: str
    unit: str
    currency: str | None
    exponent: int | None
    grain: str
    start: Instant
    hours: int
    old_value: Number
    new_value: Number
    change: Number


class RestatementsAnswer(msgspec.Struct, frozen=True):
    """Oldest release first. ``next`` is the value of ``after`` for the next page, null on the last one."""

    merchant_id: str
    restatements: list[RestatementEntry]
    next: str | None
    receipt: Receipt


class MetricEntry(msgspec.Struct, frozen=True):
    """A row of the catalogue. ``error`` is the largest relative error of its values; 0 is exact."""

    name: str
    title: str
    unit: str
    formula: str
    additive: bool
    error: float
    by_currency: bool


class CatalogueAnswer(msgspec.Struct, frozen=True):
    metrics: list[MetricEntry]


class ReleaseEntry(msgspec.Struct, frozen=True):
    """``kind`` is cycle, promote or rollback. Who published it and why is for operators, who have a token."""

    release: ReleaseNumber
    released_at: Instant
    gold_version: GoldVersionNumber
    kind: str
    complete_through: Instant | None


class ReleasesAnswer(msgspec.Struct, frozen=True):
    """Newest first. ``next`` is the value of ``before`` for the next page, null on the last one."""

    releases: list[ReleaseEntry]
    next: ReleaseNumber | None


class Prepared(msgspec.Struct, frozen=True):
    """A gold version that is in memory, and the newest of its snapshots there: its release would be shown at once."""

    gold_version: GoldVersionNumber
    snapshot: int


class StatusAnswer(msgspec.Struct, frozen=True):
    """``freshness_seconds``: the age of the current release; ``held``: cycles publish nothing after it until an
    operator does; ``set_aside``: events that its models could not take, and that it does not count. All null, and
    nothing prepared, before the first one."""

    current_release: ReleaseNumber | None
    released_at: Instant | None
    complete_through: Instant | None
    freshness_seconds: int | None
    gold_version: GoldVersionNumber | None
    held: bool | None
    set_aside: int | None
    prepared: list[Prepared]


class Health(msgspec.Struct, frozen=True):
    status: str


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457. ``type`` is listed at /problems; ``parameter`` names the one that is wrong."""

    type: str
    title: str
    status: int
    detail: str
    parameter: str | UnsetType = UNSET


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(answer: Any) -> bytes:
    return _ENCODER.encode(answer)
