"""Instants: what time it is, and the one way between microseconds since 1970, datetimes and text.

In and out: microseconds (as in every record and manifest), datetimes in UTC, RFC 3339 text that ends with ``Z``.
Promise: a conversion is exact, because none passes through a float.
"""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from lakehouse.errors import RefusedError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = "%Y-%m-%dT%H"
HOUR_MICROS = 3_600_000_000


def now() -> datetime:
    return datetime.now(UTC)


def now_micros() -> int:
    return time.time_ns() // 1000


def from_micros(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def from_millis(millis: int) -> datetime:
    """Kafka's, HDFS's and Delta's unit."""
    return EPOCH + timedelta(milliseconds=millis)


def to_micros(instant: datetime) -> int:
    return (instant - EPOCH) // _MICROSECOND


def to_text(instant: datetime) -> str:
    """RFC 3339 in UTC, for example ``2026-11-23T10:00:00Z``; with a fraction where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hour_text(micros: int) -> str:
    """The UTC hour of an instant as manifests and edge ledgers write it: ``2026-11-23T10``."""
    return _hour_text(micros // HOUR_MICROS)


@lru_cache(maxsize=1024)
def _hour_text(hour: int) -> str:
    return from_micros(hour * HOUR_MICROS).strftime(_HOUR)


def parse_hour(text: str) -> int:
    """The start of an hour that :func:`hour_text` wrote."""
    return to_micros(datetime.strptime(text, _HOUR).replace(tzinfo=UTC))


def bound(name: str, text: str | None) -> datetime | None:
    """A bound that an operator writes: a date (its UTC day's beginning) or an instant with an offset."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise RefusedError(f"{name} must be a date or an instant, for example 2026-03-01") from error
    if instant.tzinfo is None and len(text) > len("2026-03-01"):
        raise RefusedError(f"{name} needs an offset, for example 2026-03-01T00:00:00Z")
    if not 1970 < instant.year < 9999:
        raise RefusedError(f"{name} must lie in a year from 1971 to 9998")
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
