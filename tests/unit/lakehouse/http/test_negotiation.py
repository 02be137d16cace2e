"""Accept, Accept-Encoding and If-None-Match as RFC 9110 has them."""

import pytest

from lakehouse.http.negotiation import etag, matches, preferred, wants_gzip
from lakehouse.http.problems import Kind, ProblemError

JSON, CSV = OFFERED = ("application/json", "text/csv")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV; header=present", CSV),
        ("text/*", CSV),
        ("text/csv, application/json", JSON),
        ("text/csv;q=0.9, application/json;q=0.1", CSV),
        ("application/json;q=0, */*", CSV),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("application/*;q=0.2, text/csv;q=0.3", CSV),
    ],
)
def test_media_types(accept: str | None, expected: str) -> None:
    assert preferred(accept, OFFERED) == expected


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "application/xml, text/html", "*/*;q=0"])
def test_nothing_that_is_wanted(accept: str) -> None:
    with pytest.raises(ProblemError) as refused:
        preferred(accept, OFFERED)
    assert refused.value.kind is Kind.NOT_ACCEPTABLE
    assert set(OFFERED) <= set(refused.value.detail.split()), "its advice is to look there"


@pytest.mark.parametrize(
    ("coding", "expected"),
    [(None, False), ("gzip", True), ("gzip;q=0", False), ("br, *", True), ("*;q=0", False), ("identity", False)],
)
def test_codings(coding: str | None, expected: bool) -> None:
    assert wants_gzip(coding) is expected


def test_tags_are_of_the_bytes_that_are_sent() -> None:
    assert etag(b"a", False) != etag(b"b", False)
    assert etag(b"a", False) != etag(b"a", True)
    assert matches(f'"x" , W/{etag(b"a", False)}', etag(b"a", False))
    assert not matches(None, '"a"')
