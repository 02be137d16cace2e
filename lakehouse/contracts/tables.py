"""Tables and their columns, spelled once.

Bronze and quarantine are written by Spark alone, silver and gold by Trino alone (dbt). ``BRONZE_COLUMNS`` and
``QUARANTINE_COLUMNS`` are Spark SQL DDL types in table order.
"""

import re

from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber

CATALOG = "lake"

TRANSFORM_USER = "transform"
"""The Trino user of the transform service, whose queries go first."""

REPROCESS_USERS = "reprocess-v[0-9]+"
"""The Trino users of :func:`reprocess_user`, a regular expression."""

WRITERS = f"{TRANSFORM_USER}|{REPROCESS_USERS}"
"""The Trino users who may write, a regular expression: the transform, and the rebuild of each gold version."""


def reprocess_user(version: GoldVersionNumber) -> str:
    """The Trino user of the rebuild of a gold version: its queries wait for the transform's."""
    return f"reprocess-v{version}"


SANDBOXES = "sandbox_[a-z0-9_]+"
"""The schemas in which anybody may write, a regular expression: data engineers try their models there."""


def sandbox_schema(user: str) -> str:
    """The sandbox of a Trino user, for example ``sandbox_ana_lima`` of ``ana.lima``."""
    return f"sandbox_{re.sub('[^a-z0-9]', '_', user.lower())}"


BRONZE_SCHEMA, SILVER_SCHEMA, GOLD_SCHEMA, OPS_SCHEMA = "bronze", "silver", "gold", "ops"
READER_SCHEMAS = (BRONZE_SCHEMA, SILVER_SCHEMA, GOLD_SCHEMA, OPS_SCHEMA)
VERSION_LAYERS = (GOLD_SCHEMA, SILVER_SCHEMA)
"""What each gold version has schemas of its own for, that which reads the other first."""
"""What analysts see. ``silver`` and ``gold`` hold views of the current release only."""


def physical_schema(layer: str, version: GoldVersionNumber) -> str:
    """The schema that holds the tables of one gold version, for example ``gold_v3``."""
    return f"{layer}_v{version}"


def bronze_table(generation: GenerationNumber) -> str:
    """Name in the schema ``bronze`` of a generation's events table, for example ``events_g1``."""
    return f"events_g{generation}"


def quarantine_table(generation: GenerationNumber) -> str:
    return f"quarantine_g{generation}"


BRONZE_PARTITION = "accepted_date"
BRONZE_COLUMNS: dict[str, str] = {
    "accepted_date": "date",
    "accepted_at": "timestamp",
    "edge": "string",
    "segment": "string",
    "seq": "bigint",
    "merchant_id": "string",
    "source": "string",
    "id": "string",
    "type": "string",
    "time": "timestamp",
    "subject": "string",
    "dataschema": "string",
    "extensions": "string",
    "replay_of": "string",
    "data": "string",
    "kafka_partition": "int",
    "kafka_offset": "bigint",
}
"""``extensions`` is a JSON object; the Kafka columns are facts of delivery, null in rows that came from raw files."""

QUARANTINE_PARTITION = "quarantined_date"
QUARANTINE_COLUMNS: dict[str, str] = {
    "quarantined_date": "date",
    "quarantined_at": "timestamp",
    "station": "string",
    "merchant_id": "string",
    "reason": "string",
    "detail": "string",
    "id": "string",
    "body": "binary",
    "edge": "string",
    "epoch": "bigint",
    "batch": "bigint",
    "kafka_topic": "string",
    "kafka_partition": "int",
    "kafka_offset": "bigint",
}
"""``station`` is ``edge`` (rejected by the edge) or ``streaming``. Rows of a batch that bronze lacks do not count."""

SILVER_EVENTS = "events"
SILVER_DUPLICATES = "duplicates"
SILVER_SALES_FACTS = "sales_facts"
SET_ASIDE = "set_aside"
"""The verdict in ``silver.duplicates`` on an event that the models cannot take; ``detail`` has the query's message."""
MERCHANT_SALES = "merchant_sales"
MERCHANT_TRAFFIC = "merchant_traffic"
GOLD_TABLES = (MERCHANT_SALES, MERCHANT_TRAFFIC)
"""Fact tables of gold. Keys: ``merchant_id``, ``slot`` (start of a UTC quarter of an hour) and, for sales,
``currency`` ('' where an event named none). Rows are never overwritten: ``snapshot`` is the number of the snapshot that
wrote the row, and the row of a key in snapshot S is the one with the greatest ``snapshot`` <= S. Partitioned by
``slot_month``. An hourly view of each in the schema ``gold`` is named with :data:`HOURLY_SUFFIX`."""

SLOT_SECONDS = 900
"""Length of a ``slot``."""

HOURLY_SUFFIX = "_hourly"
GOLD_KEYS: dict[str, tuple[str, ...]] = {
    MERCHANT_SALES: ("merchant_id", "slot", "currency"),
    MERCHANT_TRAFFIC: ("merchant_id", "slot"),
}
GOLD_MEASURES: dict[str, tuple[str, ...]] = {
    MERCHANT_SALES: (
        "gross_sales",
        "discounts",
        "returns",
        "shipping",
        "tax",
        "orders",
        "orders_cancelled",
        "units",
    ),
    MERCHANT_TRAFFIC: ("page_views",),
}
"""Additive columns: DECIMAL(38,0) minor units for money, BIGINT for counts."""
MONEY_MEASURES = frozenset({"gross_sales", "discounts", "returns", "shipping", "tax"})

BY_RELEASE_SUFFIX = "_by_release"
"""Beside each fact table of gold, a view of its rows as every release showed them: with ``release``, ``released_at``
(from then on) and ``superseded_at`` (until then; null in the current release)."""

RELEASES = "releases"
RELEASE_LOG = "release_log"
"""In ``ops``: the table that Trino appends to, and the view :data:`RELEASES` that shows each release once, with
``superseded_at``. Never deleted."""
RELEASE_LOG_COLUMNS: dict[str, str] = {
    "release": "bigint",
    "parent": "bigint",
    "released_at": "timestamp(3) with time zone",
    "gold_version": "bigint",
    "snapshot": "bigint",
    "kind": "varchar",
    "reason": "varchar",
    "actor": "varchar",
    "held": "boolean",
    "complete_through": "timestamp(3) with time zone",
    "definition": "varchar",
    "git_commit": "varchar",
    "bronze_generation": "bigint",
    "bronze_delta_version": "bigint",
}
"""Trino types, in table order. ``definition`` is the fingerprint."""

RESTATEMENTS = "restatements"
RESTATEMENT_LOG = "restatement_log"
"""In ``ops``: the table that Trino appends to, and the view :data:`RESTATEMENTS` of what is whole in it. Never
deleted."""
RESTATEMENT_COLUMNS: dict[str, str] = {
    "release": "bigint",
    "released_at": "timestamp(3) with time zone",
    "reason": "varchar",
    "merchant_id": "varchar",
    "metric": "varchar",
    "currency": "varchar",
    "grain": "varchar",
    "start": "timestamp(3) with time zone",
    "hours": "bigint",
    "old_value": "decimal(38, 0)",
    "new_value": "decimal(38, 0)",
}
"""Trino types, in table order. A bucket (``grain`` hour or day, UTC) of an additive metric had been final, and this
release shows another value; ``hours`` of its hours differ. ``currency`` is null for metrics that know none."""

_IDENTITY = ("event_month", "event_date", "merchant_id", "source", "id")
SILVER_KEYS: dict[str, tuple[str, ...]] = {
    SILVER_EVENTS: _IDENTITY,
    SILVER_DUPLICATES: ("event_month", "event_date", "edge", "segment", "seq"),
    SILVER_SALES_FACTS: _IDENTITY,
}
SNAPSHOT_COLUMN = "snapshot"
REPLACED_COLUMN = "replaced"
"""Rows of silver that are so marked stand for nothing any more."""
BOOKKEEPING = frozenset({SNAPSHOT_COLUMN, REPLACED_COLUMN, "displaced"})
"""Columns that say how a row came about, which depends on when it was built, not what it says."""
MONTH_COLUMNS: dict[str, str] = {SILVER_SCHEMA: "event_month", GOLD_SCHEMA: "slot_month"}
"""The partition of each layer's tables: the first day of a UTC month."""
