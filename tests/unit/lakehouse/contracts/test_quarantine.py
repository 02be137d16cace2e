"""Names of entries: stable, apart, and found again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts.quarantine import Place, Refused, Station, place_of

AT = datetime(2026, 11, 23, 10, 5, 1, 123_000, UTC)
TEXT = st.none() | st.text(max_size=5)
MILLIS = st.integers(0, 4_000_000_000_000).map(lambda n: datetime(1971, 1, 1, tzinfo=UTC) + timedelta(milliseconds=n))
REFUSED = st.builds(
    Refused,
    at=MILLIS,
    station=st.just(Station.EDGE),
    merchant_id=TEXT,
    reason=st.text(max_size=5),
    detail=TEXT,
    id=TEXT,
    edge=TEXT,
    digest=st.binary(min_size=32, max_size=32),
)


@given(REFUSED)
def test_a_reject_is_found_by_the_instant_in_its_name(refused: Refused) -> None:
    assert place_of(refused.name) == Place(at=refused.at)


@given(REFUSED, REFUSED)
def test_what_differs_has_another_name(one: Refused, other: Refused) -> None:
    assert (one.name == other.name) == (one == other)
    assert one.name != replace(one, reason=one.reason + "x").name


@given(REFUSED, MILLIS)
def test_what_streaming_refused_keeps_its_name_when_it_is_read_again(refused: Refused, later: datetime) -> None:
    first = replace(refused, station=Station.STREAMING)
    assert replace(first, at=later).name == first.name
    assert place_of(first.name) == Place(digest=(refused.digest or b"").hex()[:16])


@given(st.text(min_size=1, max_size=20).filter(lambda name: "\n" not in name), st.integers(0, 10**17))
def test_an_accepted_event_is_named_by_its_position(edge: str, seq: int) -> None:
    refused = Refused(AT, Station.MODELS, "m", "set_aside", None, "e", edge, segment="aa-0", seq=seq)
    assert place_of(refused.name) == Place(position=(edge, "aa-0", seq))


@pytest.mark.parametrize(
    "name",
    ["", "x", "a/b", "a/b/c", "//1", "20261123T100501123Z-9f", "20261323T100501123Z-9f86d081884c7d65", "streaming-'"],
)
def test_other_texts_name_nothing(name: str) -> None:
    assert place_of(name) is None
