"""Buckets against a truth of their own: every quarter of an hour asked for its local time, one by one."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib import resources
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.series.buckets import SLOT, Buckets, Grain, divide, first_slot_of_date
from api.series.zones import UnknownZoneError, zone, zone_names

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
    return _at(slot * SLOT, name)


def _at(instant: int, name: str) -> datetime:
    return datetime.fromtimestamp(instant, _rules(name))


def _labelled(slot: int, name: str, grain: Grain) -> datetime:
    """A slot begins at its local time; as part of an hour, in the offset that holds for most of it."""
    if grain is not Grain.HOUR:
        return _local(slot, name)
    offset = _at(slot * SLOT + SLOT // 2, name).utcoffset()
    assert offset is not None
    return datetime.fromtimestamp(slot * SLOT, timezone(offset))


def _truth(name: str, grain: Grain, first: int, last: int) -> list[int]:
    """First slots of the buckets. A date that comes back after clocks were set back over midnight is not a new day."""
    keys: list[tuple[object, ...]] = []
    newest = date.min
    for slot in range(first, last):
        local = _labelled(slot, name, grain)
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
    assert buckets.starts == [_labelled(slot, name, grain).isoformat() for slot in buckets.edges[:-1].tolist()]


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
        ("America/St_Johns", "2005-10-29", 24, "2005-10-29T00:00:00-02:30"),
        ("America/St_Johns", "2005-10-30", 25, "2005-10-29T23:00:00-03:30"),
        ("America/St_Johns", "2005-04-03", 23, "2005-04-03T01:00:00-02:30"),
        ("Asia/Gaza", "2010-03-27", 23, "2010-03-27T01:00:00+03:00"),
        ("Australia/Lord_Howe", "2026-04-05", 25, "2026-04-05T00:00:00+11:00"),
        ("Australia/Lord_Howe", "2026-10-04", 24, "2026-10-04T00:00:00+10:30"),
    ],
)
def test_known_days(name: str, day: str, hours: int, first: str) -> None:
    buckets = _day(name, day)
    assert len(buckets) == hours
    assert buckets.starts[0] == first


def test_an_event_after_clocks_were_set_back_at_00_01_is_in_the_repeated_hour() -> None:
    buckets = _day("America/St_Johns", "2005-10-30")
    at = int(datetime(2005, 10, 30, 2, 35, tzinfo=UTC).timestamp())
    assert _at(at, "America/St_Johns").isoformat() == "2005-10-29T23:05:00-03:30"
    place = int(buckets.edges.searchsorted(at // SLOT, side="right")) - 1
    assert buckets.starts[place : place + 2] == ["2005-10-29T23:00:00-03:30", "2005-10-30T00:00:00-03:30"]
    assert buckets.begin == "2005-10-30T00:00:00-02:30", "the date began with the minute before"


def _changes() -> Iterator[tuple[str, int]]:
    """Every change of clocks from 1980 to 2037, of one name of each set of rules."""
    names = {
        resources.files("tzdata").joinpath("zoneinfo", *n.split("/")).read_bytes(): n for n in sorted(zone_names())
    }
    begin, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1980, 2038))
    for name in names.values():
        for at in zone(name).begins.tolist():
            if begin <= at < end:
                yield name, at


def _hour(moment: datetime) -> tuple[date, int, timedelta | None]:
    return moment.date(), moment.hour, moment.utcoffset()


def test_every_instant_is_in_its_hour_but_the_smaller_part_of_a_slot_that_is_cut() -> None:
    """Around every change of every zone; and hours never reach over the begin of a day."""
    cut = 0
    for name, at in _changes():
        first, last = at // SLOT - 9, at // SLOT + 10
        hours = divide(zone(name), Grain.HOUR, first, last)
        assert set(divide(zone(name), Grain.DAY, first, last).edges.tolist()) <= set(hours.edges.tolist())
        labels = [_hour(datetime.fromisoformat(start)) for start in hours.starts]
        for slot in range(first, last):
            label = labels[int(hours.edges.searchsorted(slot, side="right")) - 1]
            is_cut = slot * SLOT < at < (slot + 1) * SLOT
            seconds = range(SLOT) if is_cut else (0, 1, SLOT // 2, SLOT - 1)
            wrong = sum(_hour(_at(slot * SLOT + second, name)) != label for second in seconds)
            assert wrong == (min(at % SLOT, SLOT - at % SLOT) if is_cut else 0), (name, at, slot)
            cut += is_cut
    assert cut > 100


def test_since_1980_dates_begin_with_a_slot() -> None:
    """So that days, weeks and months are exact where hours cannot be."""
    for name, at in _changes():
        midnights = np.arange(at // 86_400 - 1, at // 86_400 + 3) * 86_400
        assert not (zone(name).first_instant(midnights) % SLOT).any(), (name, at)


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


def test_zones_are_those_of_the_package() -> None:
    with pytest.raises(UnknownZoneError):
        zone("Mars/Olympus")
    with pytest.raises(UnknownZoneError):
        zone("../zones")
    assert zone("US/Eastern").name == "US/Eastern"
    assert timedelta(seconds=int(zone("Asia/Kathmandu").offset(np.array([1_700_000_000]))[0])) == timedelta(
        hours=5, minutes=45
    )
