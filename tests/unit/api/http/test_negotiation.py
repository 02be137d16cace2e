"""Accept, Accept-Encoding and If-None-Match as RFC 9110 has them."""

import pytest

from api.http.negotiation import Media, etag, matches, media_type, wants_gzip
from lakehouse.http.problems import Kind, ProblemError


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, Media.JSON),
        ("", Media.JSON),
        ("*/*", Media.JSON),
        ("text/csv", Media.CSV),
        ("TEXT/CSV; header=present", Media.CSV),
        ("text/*", Media.CSV),
        ("text/csv, application/json", Media.JSON),
        ("text/csv;q=0.9, application/json;q=0.1", Media.CSV),
        ("application/json;q=0, */*", Media.CSV),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Media.JSON),
        ("application/*;q=0.2, text/csv;q=0.3", Media.CSV),
    ],
)
def test_media_types(accept: str | None, expected: Media) -> None:
    assert media_type(accept) is expected


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "application/xml, text/html", "*/*;q=0"])
def test_nothing_that_is_wanted(accept: str) -> None:
    with pytest.raises(ProblemError) as refused:
        media_type(accept)
    assert refused.value.kind is Kind.NOT_ACCEPTABLE
    assert set(Media) <= set(refused.value.detail.split()), "its advice is to look there"


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
