"""Tables and their columns, spelled once.

Bronze and quarantine are written by Spark alone, silver and gold by Trino alone (dbt). ``BRONZE_COLUMNS`` and
``QUARANTINE_COLUMNS`` are Spark SQL DDL types in table order.
"""

CATALOG = "lake"

TRANSFORM_USER = "transform"
"""The Trino user of the transform service, whose queries go first."""

WRITERS = f"{TRANSFORM_USER}|reprocess-v[0-9]+"
"""The Trino users who may write, a regular expression: the transform, and the rebuild of each gold version."""


def reprocess_user(version: int) -> str:
    """The Trino user of the rebuild of a gold version: its queries wait for the transform's."""
    return f"reprocess-v{version}"


BRONZE_SCHEMA, SILVER_SCHEMA, GOLD_SCHEMA, OPS_SCHEMA = "bronze", "silver", "gold", "ops"
READER_SCHEMAS = (BRONZE_SCHEMA, SILVER_SCHEMA, GOLD_SCHEMA, OPS_SCHEMA)
"""What analysts see. ``silver`` and ``gold`` hold views of the current release only."""


def physical_schema(layer: str, version: int) -> str:
    """The schema that holds the tables of one gold version, for example ``gold_v3``."""
    return f"{layer}_v{version}"


def bronze_table(generation: int) -> str:
    """Name in the schema ``bronze`` of a generation's events table, for example ``events_g1``."""
    return f"events_g{generation}"


def quarantine_table(generation: int) -> str:
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
"""``station`` is ``edge`` (rejected at the door) or ``streaming``. Rows of a batch that bronze lacks do not count."""

SILVER_EVENTS = "events"
SILVER_DUPLICATES = "duplicates"
SILVER_SALES_FACTS = "sales_facts"
MERCHANT_SALES = "merchant_sales"
MERCHANT_TRAFFIC = "merchant_traffic"
GOLD_TABLES = (MERCHANT_SALES, MERCHANT_TRAFFIC)
"""Fact tables of gold. Keys: ``merchant_id``, ``slot`` (start of a UTC quarter of an hour) and, for sales,
``currency`` ('' where an event named none). Rows are never overwritten: ``snapshot`` is the number of the snapshot that
wrote the row, and the row of a key in snapshot S is the one with the greatest ``snapshot`` <= S. Partitioned by
``slot_month``. An hourly view of each in the schema ``gold`` is named with :data:`HOURLY_SUFFIX`."""

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
