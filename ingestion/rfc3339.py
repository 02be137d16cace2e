"""Parses RFC 3339 timestamps.

In: text with an offset. Out: microseconds since 1970 (UTC), finer digits cut off; or RejectedError.
"""

import re
from datetime import UTC, datetime, timedelta

from ingestion.rejections import Reason, RejectedError
from lakehouse import instants

EARLIEST = instants.to_micros(datetime(2000, 1, 1, tzinfo=UTC))
_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_SECOND = timedelta(seconds=1)
_UTC = frozenset({"Z", "z", "+00:00"})
_REMEMBERED: dict[str, int] = {}
"""Whole seconds in UTC that were parsed before, by their text."""
_MAX_REMEMBERED = 20_000


def to_micros(text: str) -> int:
    """Microseconds since 1970. A leap second is the last microsecond before it: it stays in its hour and day."""
    known = _REMEMBERED.get(text[:19])
    if known is not None:
        rest = text[19:]
        if rest in _UTC:
            return known
        fraction = rest[1:-1] if rest[-1:] == "Z" else rest[1:-6] if rest[-6:] == "+00:00" else ""
        if rest[0:1] == "." and fraction.isdecimal() and fraction.isascii():
            return known + int(f"{fraction:0<6.6}")
    return _parse(text)


def _parse(text: str) -> int:
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise RejectedError(Reason.BAD_TIME, "time")
    second = _compute(match)
    if match[6] == "60":
        return second + 999_999
    if match[8] is None:
        _remember(text[:19], second)
    return second + int(f"{match[7] or '':0<6.6}")


def _remember(prefix: str, second: int) -> None:
    """The events of a feed share their seconds."""
    if len(_REMEMBERED) >= _MAX_REMEMBERED:
        _REMEMBERED.clear()
    _REMEMBERED[prefix] = second


def _compute(match: re.Match[str]) -> int:
    """The instant without its fraction. A leap second counts as the one before it."""
    leap = match[6] == "60"
    date, time = match[0][:10], match[0][11:17]
    offset = "+00:00" if match[8] is None else match[0][-6:]
    try:
        instant = datetime.fromisoformat(f"{date}T{time}{'59' if leap else match[6]}{offset}")
        seconds = (instant - instants.EPOCH) // _SECOND
    except (ValueError, OverflowError) as error:
        raise RejectedError(Reason.BAD_TIME, "time") from error
    if leap and seconds % 86_400 != 86_399:
        raise RejectedError(Reason.BAD_TIME, "time")
    return seconds * 1_000_000
