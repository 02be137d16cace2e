"""The columns of silver and gold, in table order, spelled once.

The models write them in SQL; the integration test of the models compares the tables with these lists, and the lists in
the YAML files of the dbt project are rendered from them (``lakehouse.contracts.render``).
"""

from lakehouse.contracts.tables import (
    GOLD_KEYS,
    GOLD_MEASURES,
    GOLD_SCHEMA,
    GOLD_TABLES,
    MONTH_COLUMNS,
    REPLACED_COLUMN,
    SILVER_DUPLICATES,
    SILVER_EVENTS,
    SILVER_SALES_FACTS,
    SNAPSHOT_COLUMN,
)

_IDENTITY = ("event_month", "event_date", "merchant_id", "source", "id", "type")
_POSITION = ("accepted_at", "edge", "segment", "seq")

EVENT_COLUMNS = (*_IDENTITY, "time", *_POSITION, "subject", "extensions", "replay_of", "data")
"""What an event keeps on its way through silver."""

SILVER_COLUMNS: dict[str, tuple[str, ...]] = {
    SILVER_EVENTS: (*EVENT_COLUMNS, SNAPSHOT_COLUMN),
    SILVER_DUPLICATES: (*EVENT_COLUMNS, "verdict", "detail", "displaced", SNAPSHOT_COLUMN),
    SILVER_SALES_FACTS: (
        *_IDENTITY,
        *("business_key", "time", "slot"),
        *_POSITION,
        *("named_currency", "currency", "gross_sales", "discounts", "returns", "shipping", "tax"),
        *("orders", "orders_cancelled", "units", "unreadable", "counted"),
        REPLACED_COLUMN,
        SNAPSHOT_COLUMN,
    ),
}
GOLD_COLUMNS: dict[str, tuple[str, ...]] = {
    table: (*GOLD_KEYS[table], *GOLD_MEASURES[table], SNAPSHOT_COLUMN, MONTH_COLUMNS[GOLD_SCHEMA])
    for table in GOLD_TABLES
}
