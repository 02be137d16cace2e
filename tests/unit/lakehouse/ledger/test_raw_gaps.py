"""Which positions no raw file has: named by edges and by operators, less what has been filled."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import Booked, EdgeLedger, RawGaps
from lakehouse.ledger import raw_gaps, spans
from lakehouse.ledger.model import Stream
from lakehouse.ledger.raw_gaps import Filled, add_filled, size, unfilled, without
from lakehouse.ledger.read_edges import read_ledgers
from lakehouse.ledger.retirement import Retirement, add_retirement

LAYOUT = Layout("/w")
EDGE, ID = "edge-1", "00000000000000aa"
HOUR = 490_000


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    made = LocalFiles(tmp_path)
    gaps = RawGaps(EDGE, ID, [Booked(HOUR, 0, 9), Booked(HOUR + 1, 10, 14)])
    made.write(LAYOUT.raw_gaps(EDGE, ID), msgspec.json.encode(gaps))
    ledger = EdgeLedger(EDGE, ID, 20, {"2025-11-24T16": 20}, 1, 1)
    made.write(LAYOUT.edge_ledger(EDGE, ID), msgspec.json.encode(ledger))
    return made


def test_what_an_edge_and_an_operator_have_named_is_counted_once(files: LocalFiles) -> None:
    booked = [Booked(HOUR + 1, 12, 17)]
    add_retirement(files, LAYOUT, Retirement(EDGE, ID, 20, [], booked, "olga", "disk", 1, "n"))
    assert unfilled(files, LAYOUT) == {Stream(EDGE, ID): [Booked(HOUR, 0, 9), Booked(HOUR + 1, 10, 17)]}
    assert size(unfilled(files, LAYOUT)) == 18


def test_what_is_filled_is_no_gap_any_more(files: LocalFiles) -> None:
    for part in ([(0, 4)], [(8, 12)], [(8, 12)]):
        add_filled(files, LAYOUT, Filled(EDGE, ID, part, 1))
    assert unfilled(files, LAYOUT) == {Stream(EDGE, ID): [Booked(HOUR, 4, 7), Booked(HOUR + 1, 12, 14)]}
    add_filled(files, LAYOUT, Filled(EDGE, ID, [(0, 99)], 1))
    assert unfilled(files, LAYOUT) == {}


def test_an_operator_who_is_faster_loses_nothing(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked before either wrote."""
    add_filled(files, LAYOUT, Filled(EDGE, ID, [(0, 4)], 1))
    monkeypatch.setattr(files, "list", lambda _: [])
    raw_gaps.add_filled(files, LAYOUT, Filled(EDGE, ID, [(4, 15)], 2))
    monkeypatch.undo()
    assert unfilled(files, LAYOUT) == {}


def test_these_documents_are_no_ledgers(files: LocalFiles) -> None:
    add_filled(files, LAYOUT, Filled(EDGE, ID, [(0, 4)], 1))
    assert [ledger.next for ledger in read_ledgers(files, LAYOUT)] == [20]


BOOKED = st.builds(lambda hour, first, n: Booked(hour, first, first + n), *(st.integers(0, n) for n in (2, 30, 9)))
SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=4)


@given(st.lists(BOOKED, max_size=5), SPANS)
def test_each_position_is_left_once_for_its_hour(booked: list[Booked], held: list[tuple[int, int]]) -> None:
    there = spans.merge((start, start + n) for start, n in held)
    left = without(booked, there)
    seen = {(one.hour, seq) for one in booked for seq in range(*one.span)}
    filled = {seq for span in there for seq in range(*span)}
    found = [(one.hour, seq) for one in left for seq in range(*one.span)]
    assert sorted(found) == found
    assert set(found) == {(hour, seq) for hour, seq in seen if seq not in filled}
    assert len(found) == len(set(found))
