"""Conditions as an operator writes them."""

from datetime import UTC, datetime

import pytest

from lakehouse.contracts.quarantine import Station
from lakehouse.errors import RefusedError
from lakehouse.quarantine.selection import Named, Where, where_of


def test_conditions() -> None:
    terms = ["reason=bad_time", "merchant=a=b", "since=2026-11-23", "until=2026-11-23T12:00:00+02:00", "station=edge"]
    found = where_of(terms)
    assert found == Where("bad_time", "a=b", datetime(2026, 11, 23, tzinfo=UTC), found.until, Station.EDGE)
    assert found.until == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert where_of([]) == Where()


@pytest.mark.parametrize(
    "terms",
    [
        ["reason"],
        ["reason="],
        ["reasn=bad_time"],
        ["20261123T100501123Z-9f86d081884c7d65"],
        ["reason=a", "reason=b"],
        ["since=yesterday"],
        ["since=2026-11-23T10:00:00"],
        ["since=0001-01-01"],
        ["since=2026-11-23", "until=2026-11-23"],
        ["station=kafka"],
    ],
)
def test_what_is_no_condition_is_refused(terms: list[str]) -> None:
    with pytest.raises(RefusedError):
        where_of(terms)


def test_a_name_that_nothing_can_have_is_refused() -> None:
    with pytest.raises(RefusedError, match="nonsense"):
        Named.of(["edge-1/aa-0/7", "nonsense"])
