"""Slices hold every row once, and none is larger than it must be."""

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.releases.slices import Slice, cut

minutes = st.dictionaries(st.integers(0, 500), st.integers(1, 50), max_size=60).map(
    lambda found: [(minute * 60_000_000, rows) for minute, rows in sorted(found.items())]
)


def holds(part: Slice, instant: int) -> bool:
    after = part.accepted_from is None or instant >= part.accepted_from
    return after and (part.accepted_before is None or instant < part.accepted_before)


@given(minutes, st.integers(1, 120))
def test_every_minute_is_in_one_slice(rows: list[tuple[int, int]], most: int) -> None:
    parts = cut(rows, most)
    for part in parts:
        within = [(minute, count) for minute, count in rows if holds(part, minute)]
        assert sum(count for _, count in within) == part.rows
        assert part.rows <= most or len(within) == 1
    assert sum(part.rows for part in parts) == sum(count for _, count in rows)
    assert [part.accepted_from for part in parts[1:]] == [part.accepted_before for part in parts[:-1]]
    assert (parts[0].accepted_from, parts[-1].accepted_before) == (None, None)


@given(minutes, st.integers(1, 120), st.data())
def test_the_rest_is_cut_alike_after_any_slice(rows: list[tuple[int, int]], most: int, data: st.DataObject) -> None:
    """A rebuild that was killed goes on with the slices that it would have built."""
    parts = cut(rows, most)
    done = data.draw(st.integers(0, len(parts) - 1))
    begin = parts[done].accepted_from
    rest = [(minute, count) for minute, count in rows if begin is None or minute >= begin]
    assert cut(rest, most, begin) == parts[done:]
