"""Instants stay the same, to the microsecond, from one form to another."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.instants import from_micros, from_millis, hour_text, parse_hour, to_micros, to_text

HOUR = 3_600_000_000
AWARE = st.datetimes(
    min_value=datetime(1971, 1, 1),
    max_value=datetime(9998, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(AWARE)
def test_no_conversion_moves_an_instant(instant: datetime) -> None:
    micros = to_micros(instant)
    assert from_micros(micros) == instant
    assert from_micros(micros).tzinfo is UTC
    assert from_millis(micros // 1000) == from_micros(micros // 1000 * 1000)
    assert to_text(instant).endswith("Z")
    assert datetime.fromisoformat(to_text(instant)) == instant
    assert parse_hour(hour_text(micros)) == micros // HOUR * HOUR


def test_they_are_written_as_documents_have_them() -> None:
    assert to_text(datetime(2026, 11, 23, 10, tzinfo=UTC)) == "2026-11-23T10:00:00Z"
    assert hour_text(to_micros(datetime(2026, 11, 23, 10, 59, tzinfo=UTC))) == "2026-11-23T10"
