"""Spans against plain sets of integers."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.ledger import spans
from lakehouse.ledger.spans import Spans

pairs = st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
lists = st.lists(pairs, max_size=12)


def members(found: Spans) -> list[int]:
    return [number for start, end in found for number in range(start, end)]


@given(lists)
def test_merge_holds_each_number_once_and_leaves_no_touching_spans(found: Spans) -> None:
    merged = spans.merge(found)
    assert members(merged) == sorted(set(members(found)))
    assert all(left[1] < right[0] for left, right in itertools.pairwise(merged))
    assert spans.size(merged) == len(set(members(found)))


@given(lists, lists)
def test_intersect_and_subtract_are_those_of_sets(left: Spans, right: Spans) -> None:
    a, b = spans.merge(left), spans.merge(right)
    assert members(spans.intersect(a, b)) == sorted(set(members(a)) & set(members(b)))
    assert members(spans.subtract(a, b)) == sorted(set(members(a)) - set(members(b)))


@given(lists)
def test_repeated_is_what_is_held_twice(found: Spans) -> None:
    numbers = members(found)
    assert members(spans.repeated(found)) == sorted({number for number in numbers if numbers.count(number) > 1})


@given(lists, st.integers(0, 200))
def test_a_split_takes_the_first_and_leaves_the_rest(found: Spans, count: int) -> None:
    held = spans.merge(found)
    taken, rest = spans.split(held, count)
    assert members(taken) == members(held)[:count]
    assert members(rest) == members(held)[count:]
