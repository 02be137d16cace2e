"""The period before: which slots each bucket is compared with.

In: the buckets of an answer. Out: boundaries of the previous period, as many as the buckets have. It lies the same
number of local months (grain month) or days (all others) before: the smallest number, at least 1, with which it ends at
or before the start of this one.
"""

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from api.series.buckets import SLOT, Buckets, Grain, clock
from api.series.zones import DAY, Seconds, Zone

_EPOCH = datetime(1970, 1, 1)


def shifted_back(buckets: Buckets) -> npt.NDArray[np.int64]:
    """Boundaries of the previous period in slots, none before the one before it.

    Each boundary keeps its local time. Between them they cover the previous period from end to end; where it lacks
    an hour that this one has twice, a bucket is empty.
    """
    walls = _walls(buckets)
    back = _months_back if buckets.grain is Grain.MONTH else _days_back
    moved = np.maximum.accumulate(back(walls))
    edges = _first_slots(clock(buckets.zone, buckets.grain), moved)
    begin, end = _first_slots(buckets.zone, moved[[0, -1]])
    edges[0], edges[-1] = begin, end
    return np.clip(edges, begin, end)


def _walls(buckets: Buckets) -> Seconds:
    """Buckets are aligned by the clock that labels them; the ends of the period are local times as they are asked for
    (a date begins at its first instant, whatever hour that belongs to)."""
    instants = buckets.edges * SLOT
    walls = _nominal_walls(clock(buckets.zone, buckets.grain), instants)
    walls[[0, -1]] = _nominal_walls(buckets.zone, instants[[0, -1]])
    return walls


def _nominal_walls(zone: Zone, instants: Seconds) -> Seconds:
    """Wall seconds; an instant at which a local date begins stands for its midnight, even where that is skipped."""
    walls = zone.wall(instants)
    midnights = walls // DAY * DAY
    begins_date = zone.first_instant(midnights) == instants
    return np.where(begins_date, midnights, walls)


def _first_slots(zone: Zone, walls: Seconds) -> npt.NDArray[np.int64]:
    return -(-zone.first_instant(walls) // SLOT)


def _days_back(walls: Seconds) -> Seconds:
    """Local times of the fewest days before. The latest local time is not always the last one: clocks may have been set
    back since."""
    days = max(1, int(-(-(walls.max() - walls[0]) // DAY)))
    return walls - days * DAY


def _months_back(walls: Seconds) -> Seconds:
    begin, end = _stamp(walls[0]), _stamp(walls.max())
    # Fewer months cannot do: the previous period would end in a later month than this one begins in.
    months = max(1, (end.year - begin.year) * 12 + end.month - begin.month)
    if _months_earlier(end, months) > begin:
        months += 1
    moved = [_months_earlier(_stamp(wall), months) - _EPOCH for wall in walls]
    return np.array([int(delta.total_seconds()) for delta in moved], dtype=np.int64)


def _stamp(wall: np.int64) -> datetime:
    return _EPOCH + timedelta(seconds=int(wall))


def _months_earlier(stamp: datetime, months: int) -> datetime:
    """The same day of the month, or the month's last day where it is shorter."""
    year, month = divmod(stamp.year * 12 + stamp.month - 1 - months, 12)
    following = datetime(year + (month == 11), (month + 1) % 12 + 1, 1)
    return stamp.replace(year=year, month=month + 1, day=min(stamp.day, (following - timedelta(days=1)).day))
