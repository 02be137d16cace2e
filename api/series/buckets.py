"""Local buckets: which quarters of an hour belong to which hour, day, week or month of a zone.

In: a zone, a grain, and a range of slots. Out: :class:`Buckets`, which cover the range from end to end without overlap.

Numbers are stored by *slot*, a quarter of an hour of UTC, counted since 1970 (every offset since 1980 is a multiple of
15 minutes):

- an hour is a stretch of one local date, hour and UTC offset, so that a 25-hour day has 25 of them, and where clocks
  move by half an hour (Lord Howe) the hour that is cut short or repeated in part is a bucket of 30 minutes;
- a day begins at the first instant of its date, wherever midnight is skipped, and a date that a zone skipped
  altogether has no bucket; weeks begin on Monday; those at the ends are clipped to the range.

The limit: clocks are not always changed at the begin of a slot. Newfoundland and Labrador (until 2011), Moncton (until
2006), Gaza and Hebron (2010, 2011) and Casey did so at 00:01. Such a slot cannot be divided; all of it is in the hour
that holds for most of it, so that for these zones, twice a year, what happened in the one minute from 00:00 to 00:01 is
counted in the hour that begins with the change. Its label is that hour's, for example 23:00-03:30 of the day before,
although the day (which began with that minute) begins with the same slot. Days, weeks and months have no such error:
since 1980 every date has begun at the begin of a slot.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from api.series.zones import DAY, Seconds, Zone
from lakehouse.contracts.tables import SLOT_SECONDS

SLOT = SLOT_SECONDS
"""Seconds."""
SLOT_MICROS = SLOT * 1_000_000

_REMEMBERED = 100 * DAY // SLOT
"""Slots of the longest range whose buckets are kept for the next request."""

_MONDAY = 4 * DAY
"""The first Monday of the wall clock's count."""


class Grain(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, eq=False)
class Buckets:
    """``edges`` are slots, rising; bucket i is [``edges[i]``, ``edges[i + 1]``)."""

    zone: Zone
    grain: Grain
    edges: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def starts(self) -> list[str]:
        """Local ISO 8601 timestamps with the offset of the bucket."""
        return local_stamps(clock(self.zone, self.grain), self.edges[:-1] * SLOT)

    @cached_property
    def begin(self) -> str:
        return local_stamps(self.zone, self.edges[:1] * SLOT)[0]

    @cached_property
    def end(self) -> str:
        return local_stamps(self.zone, self.edges[-1:] * SLOT)[0]

    def ended_by(self, instant: int | None) -> int:
        """How many leading buckets end at or before an instant (seconds). None: never."""
        if instant is None:
            return 0
        return int(np.searchsorted(self.edges[1:] * SLOT, instant, side="right"))


def clock(zone: Zone, grain: Grain) -> Zone:
    """The zone by whose clock the buckets of a grain are cut and labelled."""
    return zone.by_slot if grain is Grain.HOUR else zone


def divide(zone: Zone, grain: Grain, first: int, last: int) -> Buckets:
    """The buckets of the slots from ``first`` (included) to ``last`` (not). Short ranges are remembered."""
    return _divide_once(zone, grain, first, last) if last - first <= _REMEMBERED else _divide(zone, grain, first, last)


@lru_cache(maxsize=512)
def _divide_once(zone: Zone, grain: Grain, first: int, last: int) -> Buckets:
    return _divide(zone, grain, first, last)


def _divide(zone: Zone, grain: Grain, first: int, last: int) -> Buckets:
    begin, end = first * SLOT, last * SLOT
    inner = _hours(clock(zone, grain), begin, end) if grain is Grain.HOUR else _calendar(zone, grain, begin, end)
    slots = -(-inner // SLOT)
    edges = np.unique(np.concatenate(([first], slots[(slots > first) & (slots < last)], [last])))
    return Buckets(zone, grain, edges.astype(np.int64))


def local_stamps(zone: Zone, instants: Seconds) -> list[str]:
    """For example ``2026-11-23T10:00:00-03:00``."""
    offsets = zone.offset(instants)
    texts = np.datetime_as_string((instants + offsets).astype("datetime64[s]"))
    suffix = {int(offset): _offset_text(int(offset)) for offset in np.unique(offsets)}
    return [text + suffix[offset] for text, offset in zip(texts.tolist(), offsets.tolist(), strict=True)]


def first_slot_of_date(zone: Zone, days: int) -> int:
    """The slot with which a local date begins, given in days since 1970."""
    return int(-(-zone.first_instant(np.array([days * DAY]))[0] // SLOT))


def _offset_text(offset: int) -> str:
    sign, rest = ("-", -offset) if offset < 0 else ("+", offset)
    hours, minutes, seconds = rest // 3600, rest % 3600 // 60, rest % 60
    return f"{sign}{hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")


def _hours(zone: Zone, begin: int, end: int) -> Seconds:
    """Every full local hour of each piece of constant offset, and the begin of each piece."""
    low = max(int(np.searchsorted(zone.begins, begin, side="right")) - 1, 0)
    high = int(np.searchsorted(zone.begins, end, side="left"))
    found = [zone.begins[low:high]]
    for piece in range(low, high):
        start = max(int(zone.begins[piece]), begin)
        stop = int(zone.begins[piece + 1]) if piece + 1 < len(zone.begins) else end
        offset = int(zone.offsets[piece])
        full_hour = -(-(start + offset) // 3600) * 3600 - offset
        found.append(np.arange(full_hour, min(stop, end), 3600, dtype=np.int64))
    return np.concatenate(found)


def _calendar(zone: Zone, grain: Grain, begin: int, end: int) -> Seconds:
    """First instants of the local days, weeks or months that touch the range."""
    low, high = begin // DAY - 2, end // DAY + 3
    if grain is Grain.MONTH:
        first, last = (np.datetime64(day, "D").astype("datetime64[M]") for day in (low, high))
        days = np.arange(first, last + 1).astype("datetime64[D]").astype(np.int64)
    elif grain is Grain.WEEK:
        monday = _MONDAY // DAY
        days = np.arange(low - (low - monday) % 7, high, 7, dtype=np.int64)
    else:
        days = np.arange(low, high, dtype=np.int64)
    return zone.first_instant(days * DAY)
