"""RFC 3339 instants."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.rejections import Reason, RejectedError
from ingestion.rfc3339 import to_micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones))
def test_every_instant_is_exact(instant: datetime) -> None:
    assert to_micros(instant.isoformat()) == (instant - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00+00:00"),
        ("2026-11-23t10:00:00z", "2026-11-23T10:00:00+00:00"),
        ("2026-11-23T10:00:00-00:00", "2026-11-23T10:00:00+00:00"),
        ("2026-11-23T10:00:00+05:45", "2026-11-23T04:15:00+00:00"),
        ("2026-11-23T10:00:00.1Z", "2026-11-23T10:00:00.100000+00:00"),
        ("2026-11-23T10:00:00.1+00:00", "2026-11-23T10:00:00.100000+00:00"),
        ("2026-11-23T10:00:00.123456999999Z", "2026-11-23T10:00:00.123456+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999+00:00"),
        ("2017-01-01T05:29:60.5+05:30", "2016-12-31T23:59:59.999999+00:00"),
    ],
)
def test_how_an_instant_may_be_written(text: str, expected: str) -> None:
    assert to_micros(text) == (datetime.fromisoformat(expected) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T10:00:00",
        "2026-11-23 10:00:00Z",
        "2026-11-23T10:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T10:60:00Z",
        "2026-11-23T10:00:60Z",
        "2026-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-23T10:00:00+0100",
        "2026-11-23T10:00:00+24:00",
        "2026-11-23T10:00:00.Z",
        "2026-11-23T10:00:00.+00:00",
        "2026-11-23T10:00:00x1+00:00",
        "2026-11-23T10:00:00Z\n",
        "٢٠٢٦-11-23T10:00:00Z",
        "1700000000",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(RejectedError) as error:
        to_micros(text)
    assert error.value.reason is Reason.BAD_TIME
