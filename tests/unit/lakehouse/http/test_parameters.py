"""Parameters are understood, or refused by name."""

import pytest

from lakehouse.http.parameters import number, parameters, required
from lakehouse.http.problems import Kind, ProblemError

KNOWN = ("limit", "before")


def test_what_is_given_once_is_found() -> None:
    given = parameters(b"limit=10&before=%33", KNOWN)
    assert given == {"limit": "10", "before": "3"}
    assert number("limit", required(given, "limit"), 1, 10) == 10


@pytest.mark.parametrize(
    ("raw", "parameter"),
    [(b"limit=1&limit=1", "limit"), (b"top=1", "top"), (b"Limit=1", "Limit"), (b"=", ""), (b"x" * 500, "x" * 100)],
)
def test_unknown_and_repeated_parameters_are_named(raw: bytes, parameter: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parameters(raw, KNOWN)
    assert (refused.value.kind, refused.value.members) == (Kind.BAD_PARAMETER, {"parameter": parameter})


@pytest.mark.parametrize("raw", [b"limit=\xff", b"limit=%ff", b"&".join([b"limit=1"] * 101)])
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        parameters(raw, KNOWN)
    assert refused.value.kind is Kind.BAD_PARAMETER


@pytest.mark.parametrize("text", ["0", "11", "-1", "+1", "1.0", " 1", "01", "", "١", "1" * 19])
def test_a_number_outside_its_bounds_is_refused(text: str) -> None:
    with pytest.raises(ProblemError) as refused:
        number("limit", text, 1, 10)
    assert refused.value.members == {"parameter": "limit"}


def test_what_is_required_is_missed() -> None:
    with pytest.raises(ProblemError, match="limit: is required"):
        required({}, "limit")
