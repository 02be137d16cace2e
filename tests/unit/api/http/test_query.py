"""Any query string is understood or refused with a 400; what is understood is what was meant."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.parameters import instant
from api.http.query import (
    METRICS_PARAMETERS,
    read_metrics_query,
    read_pointer,
    read_restatements_query,
    read_revisions_query,
)
from api.series.buckets import SLOT
from api.series.queries import MetricsQuery
from api.serving.timeline import Pointer
from lakehouse.http.problems import Kind, ProblemError

SOME = st.one_of(
    st.sampled_from(
        ["2026-11-23", "2026-11-23T10:07:00+05:30", "UTC", "orders", "BRL", "hour", "7", "previous_period"]
    ),
    st.text(max_size=12),
)


@given(st.lists(st.tuples(st.one_of(st.sampled_from(METRICS_PARAMETERS), st.text(max_size=4)), SOME), max_size=8))
def test_any_parameters(pairs: list[tuple[str, str]]) -> None:
    _check(urlencode(pairs, errors="surrogatepass").encode())


@given(st.binary(max_size=60))
def test_any_bytes(raw: bytes) -> None:
    _check(raw)


def _check(raw: bytes) -> None:
    read_pointer(raw)
    found = _read_or_refuse(raw)
    if isinstance(found, ProblemError):
        assert found.kind is Kind.BAD_PARAMETER
    else:
        assert found.first < found.last


def _read_or_refuse(raw: bytes) -> MetricsQuery | ProblemError:
    try:
        return read_metrics_query(raw, 1000)
    except ProblemError as problem:
        return problem


def _read(**params: str) -> MetricsQuery:
    return read_metrics_query(urlencode({"metrics": "orders", **params}).encode(), 100_000)


def test_instants_are_widened_to_the_quarters_that_they_lie_in() -> None:
    found = _read(**{"from": "2026-11-23T10:07:30Z", "to": "2026-11-23T10:31:00.5+00:00"})
    assert found.first * SLOT == datetime(2026, 11, 23, 10, 0, tzinfo=UTC).timestamp()
    assert found.last * SLOT == datetime(2026, 11, 23, 10, 45, tzinfo=UTC).timestamp()
    exact = _read(**{"from": "2026-11-23T10:15:00Z", "to": "2026-11-23T10:30:00Z"})
    assert (exact.last - exact.first) == 1


@pytest.mark.parametrize("end", ["10:00:00.000001Z", "10:00:00.1Z", "10:00:00.9Z", "10:00:00Z"])
@pytest.mark.parametrize("begin", ["10:00:00Z", "10:00:00.5Z", "10:00:00.9Z"])
def test_fractions_of_a_second_count(begin: str, end: str) -> None:
    """Only what is empty is refused, and what is not has the quarter that it lies in."""
    query = urlencode({"from": f"2026-11-23T{begin}", "to": f"2026-11-23T{end}"}).encode()
    if datetime.fromisoformat(f"2026-11-23T{end}") <= datetime.fromisoformat(f"2026-11-23T{begin}"):
        with pytest.raises(ProblemError, match="after `from`"):
            read_metrics_query(b"metrics=orders&" + query, 1000)
        with pytest.raises(ProblemError, match="after `from`"):
            read_restatements_query(query)
    else:
        found = read_metrics_query(b"metrics=orders&" + query, 1000)
        assert (found.first * SLOT, found.last - found.first) == (datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp(), 1)
        read_restatements_query(query)


@pytest.mark.parametrize(
    ("begin", "end", "buckets"),
    [
        ("10:00:00Z", "10:00:00.000001Z", ["10:00"]),
        ("10:00:00.000001Z", "10:15:00Z", []),
        ("09:59:59.999999Z", "10:15:00Z", ["10:00"]),
        ("10:00:00.5Z", "10:15:00.5Z", ["10:15"]),
    ],
)
def test_restated_buckets_are_those_that_begin_within(begin: str, end: str, buckets: list[str]) -> None:
    raw = urlencode({"from": f"2026-11-23T{begin}", "to": f"2026-11-23T{end}"}).encode()
    found = read_restatements_query(raw)
    begins = [datetime.fromtimestamp(slot * SLOT, UTC) for slot in range(found.first, found.last)]
    assert [f"{one:%H:%M}" for one in begins] == buckets


def test_a_bucket_begins_to_the_microsecond() -> None:
    assert read_revisions_query(b"metric=orders&start=2026-11-23T10:00:00.0Z").edges[0] * SLOT % 3600 == 0
    with pytest.raises(ProblemError, match="no hour begins then"):
        read_revisions_query(b"metric=orders&start=2026-11-23T10:00:00.5Z")


def test_a_plus_that_was_not_escaped() -> None:
    raw = b"metrics=orders&from=2026-11-23T10:00:00+05:30&to=2026-11-23T11:00:00%2B05:30"
    found = read_metrics_query(raw, 1000)
    assert found.last - found.first == 4


def test_dates_are_local() -> None:
    found = _read(**{"from": "2026-11-23", "to": "2026-11-24", "tz": "Asia/Kathmandu"})
    assert found.first * SLOT == datetime(2026, 11, 22, 18, 15, tzinfo=UTC).timestamp()
    assert found.last - found.first == 96


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00+00:00"),
        ("2026-11-23t10:00:00.123456789z", "2026-11-23T10:00:00.123456+00:00"),
        ("2026-11-23T10:00+02:00", "2026-11-23T08:00:00+00:00"),
        ("2026-11-23T10:00:00", None),
        ("2026-11-23", None),
        ("2026-11-23T25:00:00Z", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("٢٠٢٦-11-23T10:00:00Z", None),
    ],
)
def test_instants(text: str, expected: str | None) -> None:
    found = instant(text)
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize(
    ("raw", "release", "problem"),
    [
        (b"release=7&metrics=x", 7, False),
        (b"release=0", 0, False),
        (b"release=07", None, True),
        (b"release=7&release=7", None, True),
        (b"as_known_at=now", None, True),
        (b"rele%61se=7", 7, False),
        (b"%72%65%6C%65%61%73%65=07", None, True),
        (b"release=7&rele%61se=7", None, True),
        (b"as%5Fknown%5Fat=now", None, True),
        (b"a=%ff", None, True),
        (b"metrics=x", None, False),
    ],
)
def test_which_release(raw: bytes, release: int | None, problem: bool) -> None:
    found = read_pointer(raw)
    assert found.release == release
    assert (found.problem is not None) == problem


@given(st.sampled_from(["release=7", "release=x", "as_known_at=2026-11-16T10:00:00Z", "tz=UTC"]), st.data())
def test_a_name_may_be_percent_encoded(plain: str, data: st.DataObject) -> None:
    name, _, value = plain.partition("=")
    encoded = "".join(f"%{ord(letter):02x}" if data.draw(st.booleans()) else letter for letter in name)
    assert _told(read_pointer(f"{encoded}={value}".encode())) == _told(read_pointer(plain.encode()))


def _told(pointer: Pointer) -> tuple[int | None, datetime | None, str]:
    return pointer.release, pointer.instant, str(pointer.problem)
