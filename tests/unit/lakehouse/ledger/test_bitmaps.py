"""Words tell exactly which positions a table holds, and how often, or say that they cannot."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.ledger.bitmaps import BITS, TooManyCopiesError, Words, copies

held = st.dictionaries(st.integers(0, BITS - 1), st.integers(1, 3))


def word_of(first: int, last: int, counts: dict[int, int]) -> Words:
    """As Trino's aggregates make it: signed numbers."""
    either, odd = 0, 0
    for bit, count in counts.items():
        either |= 1 << bit
        odd ^= (1 << bit) * (count % 2)
    return Words(first, last, _signed(either), _signed(odd), sum(counts.values()))


def _signed(word: int) -> int:
    return word - (1 << BITS) if word >> (BITS - 1) else word


@given(st.integers(0, 1000), st.integers(0, 3), st.one_of(held, st.just(dict.fromkeys(range(BITS), 1))))
def test_gives_each_position_as_often_as_it_is_held(first: int, more: int, counts: dict[int, int]) -> None:
    words = word_of(first, first + more, counts)
    if max(counts.values(), default=0) > 2:
        with pytest.raises(TooManyCopiesError):
            list(copies(words))
        return
    found: Counter[int] = Counter()
    for (begin, end), count in copies(words):
        assert begin < end
        for position in range(begin, end):
            found[position] += count
    numbers = range(first, first + more + 1)
    assert found == Counter({number * BITS + bit: count for number in numbers for bit, count in counts.items()})


def test_a_run_is_as_long_as_it_can_be() -> None:
    assert list(copies(word_of(2, 5, dict.fromkeys(range(BITS), 1)))) == [((2 * BITS, 6 * BITS), 1)]
    assert list(copies(word_of(0, 0, {1: 1, 2: 1, 3: 2, 5: 1}))) == [((1, 3), 1), ((5, 6), 1), ((3, 4), 2)]
