"""A difference as JSON, for programs (contract 3: ``tables``, ``metrics``, ``merchants``; changes are numbers).

In: a :class:`Difference`. Out: plain dicts, lists, texts and numbers. Money is in whole minor units.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from lakehouse.transform.diff.model import Difference, MetricChange, RowSample, Side, TableDifference
from lakehouse.transform.diff.wording import verdict

Document = dict[str, Any]


def document(difference: Difference) -> Document:
    """Everything that was found."""
    return {
        "equal": difference.equal,
        "verdict": verdict(difference),
        "before": _side(difference.before),
        "after": _side(difference.after),
        "tables": [_table(table) for table in difference.tables],
        "metrics": _changes(difference.metrics),
        "merchants": [
            {"merchant_id": one.merchant_id, "rows": one.rows, "changes": _changes(one.changes)}
            for one in difference.merchants
        ],
        "merchants_affected": difference.merchants_affected,
        "hours": [
            {"hour": one.hour.isoformat(), "rows": one.rows, "changes": _changes(one.changes)}
            for one in difference.hours
        ],
        "hours_affected": difference.hours_affected,
    }


def json_text(difference: Difference) -> str:
    return json.dumps(document(difference), indent=2) + "\n"


def _side(side: Side) -> Document:
    bronze = {"generation": side.bronze.generation, "delta_version": side.bronze.delta_version}
    return {
        "release": side.release,
        "gold_version": side.gold_version,
        "snapshot": side.snapshot,
        "bronze": bronze,
    }


def _table(table: TableDifference) -> Document:
    return {
        "name": table.name,
        "only": table.only,
        "rows_added": table.rows.added,
        "rows_removed": table.rows.removed,
        "rows_changed": table.rows.changed,
        "rows_unchanged": table.rows.unchanged,
        "columns": [{"name": c.name, "before": c.before, "after": c.after} for c in table.columns],
        "sample": [_sample(row) for row in table.sample],
    }


def _sample(row: RowSample) -> Document:
    return {"key": _row(row.key), "before": _row(row.before), "after": _row(row.after)}


def _row(row: Mapping[str, Any] | None) -> Document | None:
    return None if row is None else {name: plain(value) for name, value in row.items()}


def _changes(metrics: Iterable[MetricChange]) -> list[Document]:
    return [_change(metric) for metric in metrics]


def _change(metric: MetricChange) -> Document:
    found = {
        "metric": metric.metric,
        "currency": metric.currency,
        "unit": metric.definition.unit.value,
        "change": plain(metric.change),
        "before": plain(metric.before),
        "after": plain(metric.after),
    }
    return found if metric.moved is None else found | {"absolute_change": metric.moved}


def plain(value: Any) -> Any:
    """As JSON can hold it: whole numbers exactly, ratios as numbers with 6 decimals."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
