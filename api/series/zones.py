"""Time zones, from the tzdata package alone, so that a release's ``tzdata`` says which rules an answer used.

In: an IANA name. Out: a :class:`Zone`, the pieces of constant offset between 1970 and 2100, with the two questions
that buckets ask: which wall clock time is it at an instant, and what is the first instant of a wall clock time.
Seconds since 1970 throughout; a *wall* second is what a clock on that wall shows, counted as if it were UTC.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import tzdata  # type: ignore[import-untyped]

from lakehouse.contracts.tables import SLOT_SECONDS

TZDATA_VERSION: str = tzdata.IANA_VERSION
"""For example ``2026b``."""

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""No question reaches beyond these: events are not older than 2000, and rules are not known further ahead."""

DAY = 86_400
Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Zone:
    """Pieces of constant UTC offset. Piece i holds from ``begins[i]`` (an instant) on, with ``offsets[i]``.

    ``reached[i]`` is the latest wall second that has been shown by the end of piece i. It never falls, so the first
    instant of a wall second is found by bisection although clocks are set back.
    """

    name: str
    begins: Seconds
    offsets: Seconds
    reached: Seconds

    def offset(self, instants: Seconds) -> Seconds:
        offsets: Seconds = self.offsets[np.searchsorted(self.begins, instants, side="right") - 1]
        return offsets

    def wall(self, instants: Seconds) -> Seconds:
        return instants + self.offset(instants)

    def first_instant(self, walls: Seconds) -> Seconds:
        """The first instants at which the clock shows these wall seconds or, where it skips them, later ones."""
        piece = np.searchsorted(self.reached, walls, side="right")
        instants: Seconds = np.maximum(walls - self.offsets[piece], self.begins[piece])
        return instants

    @cached_property
    def by_slot(self) -> "Zone":
        """The same zone with every change of clocks at the begin of the nearest slot (of two equally near, the later),
        so that a slot has the one offset that holds for most of it."""
        begins = (self.begins + SLOT_SECONDS // 2) // SLOT_SECONDS * SLOT_SECONDS
        return _zone(self.name, begins, self.offsets)


class UnknownZoneError(ValueError):
    """The name is not in the IANA database."""


@lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """Raises :class:`UnknownZoneError`. Costs 20 ms at the first use of a name."""
    if name not in zone_names():
        raise UnknownZoneError(name)
    return _zone(name, *_pieces(_rules(name)))


def _zone(name: str, begins: Seconds, offsets: Seconds) -> Zone:
    ends = np.append(begins[1:], np.int64(1) << 60)
    return Zone(name, begins, offsets, np.maximum.accumulate(ends + offsets))


@cache
def zone_names() -> frozenset[str]:
    """All names, links included."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split())


def _rules(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _pieces(rules: ZoneInfo) -> tuple[Seconds, Seconds]:
    """Asks for the offset of every day (no zone changes twice within one) and bisects where two days differ."""
    first = int(EARLIEST.timestamp()) - 2 * DAY
    begins, offsets = [first], [_offset(rules, first)]
    for day in range(first + DAY, int(LATEST.timestamp()) + 3 * DAY, DAY):
        offset = _offset(rules, day)
        if offset != offsets[-1]:
            begins.append(_change(rules, day - DAY, day))
            offsets.append(offset)
    seconds = [int(offset.total_seconds()) for offset in offsets]
    return np.array(begins, dtype=np.int64), np.array(seconds, dtype=np.int64)


def _change(rules: ZoneInfo, before: int, after: int) -> int:
    """The first second in (``before``, ``after``] whose offset is that of ``after``."""
    offset = _offset(rules, after)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(rules, middle) == offset:
            after = middle
        else:
            before = middle
    return after


def _offset(rules: ZoneInfo, instant: int) -> timedelta:
    offset = datetime.fromtimestamp(instant, rules).utcoffset()
    assert offset is not None, "a zone of the package has one at any time"
    return offset
