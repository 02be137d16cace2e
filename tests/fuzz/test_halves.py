"""A failure's cause is found, whether one thing makes it or several do together."""

import pytest

from tests.fuzz.halves import smallest


@pytest.mark.parametrize("causes", [{0}, {99}, {41}, {3, 97}, {10, 11, 60}])
def test_nothing_but_the_causes_is_left(causes: set[int]) -> None:
    found, words = smallest(range(100), lambda part: "it fails" if causes <= set(part) else None, seconds=60)
    assert (set(found), words) == (causes, "it fails")


def test_what_does_not_fail_is_left_as_it_is() -> None:
    assert smallest(range(5), lambda _: None, seconds=60) == ([0, 1, 2, 3, 4], None)


def test_it_ends_in_time() -> None:
    found, words = smallest(range(100), lambda part: "slow" if 7 in part else None, seconds=0)
    assert (len(found), words) == (100, "slow")
