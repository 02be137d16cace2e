"""What restatements must be, computed the slow and obvious way from what readers were shown in each release."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from lakehouse.contracts.metrics import METRICS, Metric
from lakehouse.contracts.tables import GOLD_TABLES

HOUR = timedelta(hours=1)
Shown = dict[str, list[dict[str, Any]]]
"""By table, the rows of its view in ``gold``."""
Bucket = tuple[str, str | None, datetime]
Key = tuple[int, str, str, str, str | None, str, datetime]
"""Release, reason, metric, merchant, currency, grain, start."""


@dataclass(frozen=True)
class Release:
    number: int
    reason: str
    complete_through: datetime | None
    shown: Shown


def restatements(releases: Sequence[Release]) -> dict[Key, tuple[int, int, int]]:
    """Hours that differ, old value, new value."""
    found: dict[Key, tuple[int, int, int]] = {}
    final: datetime | None = None
    for old, new in pairwise(releases):
        final = max((t for t in (final, old.complete_through) if t is not None), default=None)
        if final is not None:
            for table in GOLD_TABLES:
                found |= _of_table(table, old, new, final)
    return found


def _of_table(table: str, old: Release, new: Release, final: datetime) -> dict[Key, tuple[int, int, int]]:
    metrics = [metric for metric in METRICS.values() if metric.table == table and metric.additive]
    before, after = (_hours(side.shown[table], metrics) for side in (old, new))
    closed = {bucket for bucket in before.keys() | after.keys() if bucket[2] + HOUR <= final}
    differing = {bucket for bucket in closed if before[bucket] != after[bucket]}
    by_month: dict[Any, int] = defaultdict(int)
    for bucket in differing:
        by_month[_month(bucket)] += 1
    found: dict[Key, tuple[int, int, int]] = {}
    for bucket in closed:
        day = bucket[2].replace(hour=0)
        is_day = by_month[_month(bucket)] > 24 and day + timedelta(days=1) <= final
        for metric in metrics:
            key = (
                new.number,
                new.reason,
                metric.name,
                bucket[0],
                bucket[1],
                "day" if is_day else "hour",
                day if is_day else bucket[2],
            )
            hours, was, becomes = found.get(key, (0, 0, 0))
            one, other = before[bucket].get(metric.name, 0), after[bucket].get(metric.name, 0)
            found[key] = (hours + (one != other), was + one, becomes + other)
    return {key: value for key, value in found.items() if value[0]}


def _month(bucket: Bucket) -> tuple[str, str | None, int, int]:
    return bucket[0], bucket[1], bucket[2].year, bucket[2].month


def _hours(rows: list[dict[str, Any]], metrics: list[Metric]) -> dict[Bucket, dict[str, int]]:
    found: dict[Bucket, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        hour = found[row["merchant_id"], row.get("currency"), row["slot"].replace(minute=0)]
        for metric in metrics:
            top = metric.numerator
            hour[metric.name] += sum(int(row[m]) for m in top.plus) - sum(int(row[m]) for m in top.minus)
    return defaultdict(dict, {key: {name: v for name, v in hour.items() if v} for key, hour in found.items()})
