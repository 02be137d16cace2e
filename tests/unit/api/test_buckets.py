"""Buckets against a truth of their own: every quarter of an hour asked for its local time, one by one."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.buckets import SLOT, Buckets, Grain, divide, first_slot_of_date, shifted_back
from api.zones import UnknownZoneError, zone, zone_names

ZONES = st.sampled_from(sorted(zone_names()))
HARD_ZONES = st.sampled_from(
    [
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Australia/Adelaide",
        "Pacific/Apia",
        "Pacific/Chatham",
        "America/Sao_Paulo",
        "America/Scoresbysund",
        "Africa/Casablanca",
        "Africa/Cairo",
        "Asia/Beirut",
        "Antarctica/Troll",
    ]
)
FIRST_SLOTS = st.integers(
    int(datetime(1995, 1, 1, tzinfo=UTC).timestamp()) // SLOT,
    int(datetime(2060, 1, 1, tzinfo=UTC).timestamp()) // SLOT,
)


@cache
def _rules(name: str) -> ZoneInfo:
    """The package's edition of the rules: the machine's own may be another."""
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _local(slot: int, name: str) -> datetime:
    return datetime.fromtimestamp(slot * SLOT, _rules(name))


def _truth(name: str, grain: Grain, first: int, last: int) -> list[int]:
    """First slots of the buckets. A date that comes back after clocks were set back over midnight is not a new day."""
    keys: list[tuple[object, ...]] = []
    newest = date.min
    for slot in range(first, last):
        local = _local(slot, name)
        newest = max(newest, local.date())
        keys.append(_key(local, newest, grain))
    found, position = [], first
    for _, group in groupby(keys):
        found.append(position)
        position += len(list(group))
    return found


def _key(local: datetime, day: date, grain: Grain) -> tuple[object, ...]:
    if grain is Grain.HOUR:
        return (local.date(), local.hour, local.utcoffset())
    if grain is Grain.DAY:
        return (day,)
    return tuple(day.isocalendar()[:2]) if grain is Grain.WEEK else (day.year, day.month)


def _check(name: str, grain: Grain, first: int, length: int) -> None:
    buckets = divide(zone(name), grain, first, first + length)
    assert buckets.edges[:-1].tolist() == _truth(name, grain, first, first + length)
    assert buckets.edges[-1] == first + length
    assert buckets.starts == [_local(slot, name).isoformat() for slot in buckets.edges[:-1].tolist()]


@given(ZONES, st.sampled_from(Grain), FIRST_SLOTS, st.integers(1, 2000))
@settings(max_examples=150)
@example("America/St_Johns", Grain.DAY, int(datetime(2005, 10, 28, tzinfo=UTC).timestamp()) // SLOT, 400)
@example("America/St_Johns", Grain.HOUR, int(datetime(2005, 10, 28, tzinfo=UTC).timestamp()) // SLOT, 400)
@example("America/St_Johns", Grain.HOUR, int(datetime(2005, 4, 1, tzinfo=UTC).timestamp()) // SLOT, 400)
@example("Pacific/Apia", Grain.DAY, int(datetime(2011, 12, 28, tzinfo=UTC).timestamp()) // SLOT, 400)
def test_every_slot_is_in_the_bucket_of_its_local_time(name: str, grain: Grain, first: int, length: int) -> None:
    _check(name, grain, first, length)


@given(HARD_ZONES, st.sampled_from(Grain), st.integers(2000, 2035), st.integers(0, 1), st.data())
@settings(max_examples=150)
def test_days_on_which_clocks_change(name: str, grain: Grain, year: int, which: int, data: st.DataObject) -> None:
    rules = zone(name)
    begin = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    changes = [int(at) for at in rules.begins if begin <= at < begin + 366 * 86_400]
    at = changes[which % len(changes)] if changes else begin
    before = data.draw(st.integers(1, 300))
    _check(name, grain, at // SLOT - before, before + data.draw(st.integers(1, 300)))


def _day(name: str, day: str, grain: Grain = Grain.HOUR) -> Buckets:
    days = (date.fromisoformat(day) - date(1970, 1, 1)).days
    first, last = (first_slot_of_date(zone(name), d) for d in (days, days + 1))
    return divide(zone(name), grain, first, last)


@pytest.mark.parametrize(
    ("name", "day", "hours", "first"),
    [
        ("America/New_York", "2026-11-01", 25, "2026-11-01T00:00:00-04:00"),
        ("America/New_York", "2026-03-08", 23, "2026-03-08T00:00:00-05:00"),
        ("America/Sao_Paulo", "2018-11-04", 23, "2018-11-04T01:00:00-02:00"),
        ("America/Sao_Paulo", "2018-02-17", 25, "2018-02-17T00:00:00-02:00"),
        ("Asia/Kathmandu", "2026-11-23", 24, "2026-11-23T00:00:00+05:45"),
        ("Australia/Lord_Howe", "2026-04-05", 25, "2026-04-05T00:00:00+11:00"),
        ("Australia/Lord_Howe", "2026-10-04", 24, "2026-10-04T00:00:00+10:30"),
    ],
)
def test_known_days(name: str, day: str, hours: int, first: str) -> None:
    buckets = _day(name, day)
    assert len(buckets) == hours
    assert buckets.starts[0] == first


def test_a_skipped_date_has_no_bucket() -> None:
    apia = zone("Pacific/Apia")
    days = (date(2011, 12, 29) - date(1970, 1, 1)).days
    first, last = first_slot_of_date(apia, days), first_slot_of_date(apia, days + 3)
    starts = divide(apia, Grain.DAY, first, last).starts
    assert [start[:10] for start in starts] == ["2011-12-29", "2011-12-31"]


def test_weeks_begin_on_monday() -> None:
    starts = divide(zone("UTC"), Grain.WEEK, *_slots("2026-11-18", "2026-12-02")).starts
    assert [start[:10] for start in starts] == ["2026-11-18", "2026-11-23", "2026-11-30"]


def _slots(*days: str) -> tuple[int, ...]:
    return tuple(int(datetime.fromisoformat(f"{day}T00:00:00Z").timestamp()) // SLOT for day in days)


@given(ZONES, st.sampled_from(Grain), FIRST_SLOTS, st.integers(1, 3000))
@settings(max_examples=150)
def test_the_previous_period_has_as_many_buckets_and_ends_before_this_one(
    name: str, grain: Grain, first: int, length: int
) -> None:
    buckets = divide(zone(name), grain, first, first + length)
    edges = shifted_back(buckets)
    assert len(edges) == len(buckets.edges)
    assert (np.diff(edges) >= 0).all()
    # Where a clock is set back between the two, the same local time can be up to that much later.
    assert edges[-1] <= first + 8


@pytest.mark.parametrize(
    ("name", "grain", "first", "last", "begin", "end"),
    [
        ("UTC", Grain.HOUR, "2026-11-16", "2026-11-23", "2026-11-09", "2026-11-16"),
        ("UTC", Grain.MONTH, "2026-03-01", "2026-04-01", "2026-02-01", "2026-03-01"),
        ("UTC", Grain.DAY, "2026-03-01", "2026-04-01", "2026-01-29", "2026-03-01"),
        ("UTC", Grain.MONTH, "2026-01-15", "2026-03-10", "2025-11-15", "2026-01-10"),
        ("UTC", Grain.MONTH, "2026-01-31", "2026-03-01", "2025-11-30", "2026-01-01"),
    ],
)
def test_previous_periods(name: str, grain: Grain, first: str, last: str, begin: str, end: str) -> None:
    edges = shifted_back(divide(zone(name), grain, *_slots(first, last)))
    assert (edges[0], edges[-1]) == _slots(begin, end)


def test_hours_keep_their_local_time_over_a_change_of_clocks() -> None:
    long_day = _day("America/New_York", "2026-11-01")
    sizes = np.diff(shifted_back(long_day)).tolist()
    assert sizes == [4, 0, *[4] * 23], "01:00 comes twice; the day before has it once"
    after = _day("America/New_York", "2026-11-02")
    assert np.diff(shifted_back(after)).tolist() == [4, 8, *[4] * 22], "the day before has 01:00 twice"


def test_zones_are_those_of_the_package() -> None:
    with pytest.raises(UnknownZoneError):
        zone("Mars/Olympus")
    with pytest.raises(UnknownZoneError):
        zone("../zones")
    assert zone("US/Eastern").name == "US/Eastern"
    assert timedelta(seconds=int(zone("Asia/Kathmandu").offset(np.array([1_700_000_000]))[0])) == timedelta(
        hours=5, minutes=45
    )
