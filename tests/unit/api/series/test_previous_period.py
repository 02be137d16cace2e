"""The period before against dateutil, and against what it must be whatever the zone."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import numpy as np
import pytest
from dateutil.relativedelta import relativedelta  # type: ignore[import-untyped]
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.series.buckets import SLOT, Buckets, Grain, divide, first_slot_of_date, local_stamps
from api.series.previous_period import shifted_back
from api.series.zones import zone, zone_names

ZONES = st.sampled_from(sorted(zone_names()))
FIRST_SLOTS = st.integers(
    int(datetime(1995, 1, 1, tzinfo=UTC).timestamp()) // SLOT,
    int(datetime(2060, 1, 1, tzinfo=UTC).timestamp()) // SLOT,
)
DATES = st.dates(date(1996, 1, 1), date(2060, 1, 1))
SLOT_OF_CHANGE = int(datetime(2005, 10, 30, 2, 30, tzinfo=UTC).timestamp()) // SLOT
"""In Newfoundland, from 00:01 to 23:01."""


def _dates(name: str, grain: Grain, first: date, last: date) -> Buckets:
    return divide(
        zone(name), grain, *(first_slot_of_date(zone(name), (d - date(1970, 1, 1)).days) for d in (first, last))
    )


def _ends(buckets: Buckets) -> list[str]:
    """The local dates between which the previous period lies, each of which it begins or ends with."""
    edges = shifted_back(buckets)[[0, -1]]
    stamps = [stamp[:10] for stamp in local_stamps(buckets.zone, edges * SLOT)]
    days = [(date.fromisoformat(stamp) - date(1970, 1, 1)).days for stamp in stamps]
    assert [first_slot_of_date(buckets.zone, day) for day in days] == edges.tolist()
    return stamps


@given(ZONES, st.sampled_from(Grain), FIRST_SLOTS, st.integers(1, 3000))
@settings(max_examples=200)
@example("America/St_Johns", Grain.HOUR, SLOT_OF_CHANGE - 4 * 25, 4 * 25 + 4)
@example("America/St_Johns", Grain.DAY, SLOT_OF_CHANGE - 4 * 24 - 2, 4 * 24 + 4)
@example("America/St_Johns", Grain.MONTH, SLOT_OF_CHANGE - 4 * 24 - 2, 4 * 24 + 4)
def test_it_has_as_many_buckets_and_never_overlaps(name: str, grain: Grain, first: int, length: int) -> None:
    buckets = divide(zone(name), grain, first, first + length)
    edges = shifted_back(buckets)
    assert len(edges) == len(buckets.edges)
    assert (np.diff(edges) >= 0).all()
    assert edges[-1] <= first


@given(ZONES, DATES, st.integers(1, 800))
@settings(max_examples=200)
@example("America/New_York", date(2024, 2, 29), 31)
@example("America/New_York", date(2023, 1, 30), 59)
def test_months_are_the_fewest_that_do_not_overlap(name: str, first: date, days: int) -> None:
    last = first + timedelta(days=days)
    months = next(m for m in count(1) if last - relativedelta(months=m) <= first)
    expected = [first - relativedelta(months=months), last - relativedelta(months=months)]
    assert _ends(_dates(name, Grain.MONTH, first, last)) == _begun(name, expected)


@given(ZONES, st.sampled_from([Grain.HOUR, Grain.DAY, Grain.WEEK]), DATES, st.integers(1, 100))
def test_days_are_as_many_as_the_period_has(name: str, grain: Grain, first: date, days: int) -> None:
    expected = [first - timedelta(days=days), first]
    assert _ends(_dates(name, grain, first, first + timedelta(days=days))) == _begun(name, expected)


def _begun(name: str, days: list[date]) -> list[str]:
    """The dates, or the next ones where a zone has skipped them."""
    slots = [first_slot_of_date(zone(name), (day - date(1970, 1, 1)).days) for day in days]
    return [stamp[:10] for stamp in local_stamps(zone(name), np.array(slots) * SLOT)]


@given(ZONES, DATES, st.integers(1, 30))
def test_whole_months_are_compared_with_whole_months(name: str, day: date, months: int) -> None:
    first = day.replace(day=1)
    buckets = _dates(name, Grain.MONTH, first, first + relativedelta(months=months))
    before = _dates(name, Grain.MONTH, first - relativedelta(months=months), first)
    assert shifted_back(buckets).tolist() == before.edges.tolist()


@pytest.mark.parametrize(
    ("name", "grain", "first", "last", "begin", "end"),
    [
        ("UTC", Grain.HOUR, "2026-11-16", "2026-11-23", "2026-11-09", "2026-11-16"),
        ("UTC", Grain.MONTH, "2026-03-01", "2026-04-01", "2026-02-01", "2026-03-01"),
        ("UTC", Grain.DAY, "2026-03-01", "2026-04-01", "2026-01-29", "2026-03-01"),
        ("UTC", Grain.MONTH, "2026-01-15", "2026-03-10", "2025-11-15", "2026-01-10"),
        ("UTC", Grain.MONTH, "2026-01-31", "2026-03-01", "2025-11-30", "2026-01-01"),
        ("America/New_York", Grain.MONTH, "2024-02-29", "2024-03-31", "2024-01-29", "2024-02-29"),
        ("America/New_York", Grain.MONTH, "2023-02-28", "2023-03-31", "2023-01-28", "2023-02-28"),
        ("America/New_York", Grain.MONTH, "2024-04-30", "2024-05-31", "2024-03-30", "2024-04-30"),
        ("America/St_Johns", Grain.HOUR, "2005-10-30", "2005-10-31", "2005-10-29", "2005-10-30"),
    ],
)
def test_previous_periods(name: str, grain: Grain, first: str, last: str, begin: str, end: str) -> None:
    assert _ends(_dates(name, grain, date.fromisoformat(first), date.fromisoformat(last))) == [begin, end]


def _hours_before(name: str, day: date) -> list[int]:
    edges = shifted_back(_dates(name, Grain.HOUR, day, day + timedelta(days=1)))
    return [int(size) for size in np.diff(edges)]


def test_hours_keep_their_local_time_over_a_change_of_clocks() -> None:
    sizes = _hours_before("America/New_York", date(2026, 11, 1))
    assert sizes == [4, 0, *[4] * 23], "01:00 comes twice; the day before has it once"
    sizes = _hours_before("America/New_York", date(2026, 11, 2))
    assert sizes == [4, 8, *[4] * 22], "the day before has 01:00 twice"


def test_hours_that_a_date_has_beside_its_own() -> None:
    """Newfoundland's 30 October 2005 begins with an hour that is labelled 23:00 of the 29th."""
    assert _hours_before("America/St_Johns", date(2005, 10, 30)) == [0, *[4] * 24], "the 29th begins at 00:00"
    assert _hours_before("America/St_Johns", date(2005, 10, 31)) == [8, *[4] * 23]
