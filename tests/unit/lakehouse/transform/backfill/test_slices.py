"""Slices hold every row once, and none is larger than it must be."""

from collections import Counter

from hypothesis import assume, given
from hypothesis import strategies as st

from lakehouse.transform.backfill.slices import DAY, Slice, cut, cut_around

slots = st.dictionaries(st.integers(0, 500), st.integers(1, 50), max_size=60).map(
    lambda found: [(slot * 900_000_000, rows) for slot, rows in sorted(found.items())]
)


def holds(part: Slice, instant: int) -> bool:
    after = part.since is None or instant >= part.since
    return after and (part.until is None or instant < part.until)


@given(slots, st.integers(1, 120))
def test_every_slot_is_in_one_slice(rows: list[tuple[int, int]], most: int) -> None:
    parts = cut(rows, most)
    for part in parts:
        within = [(slot, count) for slot, count in rows if holds(part, slot)]
        assert sum(count for _, count in within) == part.rows
        assert part.rows <= most or len(within) == 1 or part.is_last
    assert sum(part.rows for part in parts) == sum(count for _, count in rows)
    assert [part.since for part in parts[1:]] == [part.until for part in parts[:-1]]
    assert (parts[0].since, parts[-1].until) == (None, None)
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]


@given(slots, st.integers(1, 120))
def test_the_last_slice_is_neither_tiny_nor_much_too_large(rows: list[tuple[int, int]], most: int) -> None:
    *before, last = cut(rows, most)
    largest = max((count for _, count in rows), default=0)
    assert 2 * last.rows <= 2 * max(most, largest) + most
    assert not before or 2 * last.rows >= most


@given(slots, st.integers(1, 120))
def test_slices_keep_to_the_bounds_of_the_plan(rows: list[tuple[int, int]], most: int) -> None:
    since, until = 0, 501 * 900_000_000
    parts = cut(rows, most, since, until)
    assert (parts[0].since, parts[-1].until) == (since, until)


@given(slots, st.integers(1, 120), st.data())
def test_the_rest_is_cut_alike_after_any_slice(rows: list[tuple[int, int]], most: int, data: st.DataObject) -> None:
    """A rebuild that was killed goes on with the slices that it would have built."""
    parts = cut(rows, most)
    done = data.draw(st.integers(0, len(parts) - 1))
    begin = parts[done].since
    rest = [(slot, count) for slot, count in rows if begin is None or slot >= begin]
    assert cut(rest, most, begin) == parts[done:]


@given(slots, st.integers(1, 120))
def test_only_a_day_of_too_many_rows_is_cut(rows: list[tuple[int, int]], most: int) -> None:
    of_day = Counter[int]()
    for slot, count in rows:
        of_day[slot // DAY] += count
    for part in cut(rows, most):
        assert part.begins_a_day or of_day[(part.since or 0) // DAY] > most


bounds = st.one_of(st.none(), st.integers(1, 5).map(lambda day: day * DAY))


@given(slots, st.integers(1, 120), bounds, bounds)
def test_around_what_is_wanted_lies_what_has_been_copied(
    rows: list[tuple[int, int]], most: int, since: int | None, until: int | None
) -> None:
    assume(since is None or until is None or since < until)
    parts = cut_around(rows, most, since, until)
    assert (parts[0].since, parts[-1].until) == (None, None)
    assert [part.since for part in parts[1:]] == [part.until for part in parts[:-1]]
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    for part in parts:
        within = [(slot, count) for slot, count in rows if holds(part, slot)]
        assert sum(count for _, count in within) == part.rows
        first, end = part.since or 0, part.until or 6 * DAY
        assert part.is_copied != ((since or 0) <= first and end <= (until or 6 * DAY))
        assert not (part.is_copied and part.adds_days)


@given(slots, st.integers(1, 120), bounds, bounds, st.data())
def test_a_rebuild_around_what_was_copied_goes_on_where_it_was(
    rows: list[tuple[int, int]], most: int, since: int | None, until: int | None, data: st.DataObject
) -> None:
    assume(since is None or until is None or since < until)
    parts = cut_around(rows, most, since, until)
    done = data.draw(st.integers(0, len(parts) - 1))
    assert cut_around(rows, most, since, until, parts[done].since) == parts[done:]
