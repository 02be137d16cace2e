"""Each incarnation has one state, and the ledgers of closed ones are not opened unless somebody asks for them."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from lakehouse.clients.files import Entry, LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import CLOSED_MARK, Booked, EdgeLedger
from lakehouse.errors import RefusedError
from lakehouse.instants import to_micros, to_text
from lakehouse.ledger.documents import Documents
from lakehouse.ledger.edge_list import EdgeState, list_edges, state_of
from lakehouse.ledger.read_edges import read_ledger
from lakehouse.ledger.retirement import Retirement, add_retirement, read_retirements

LAYOUT = Layout("/w")
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SILENT_AFTER = timedelta(minutes=10)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = LocalFiles(folder)
        self.read: list[str] = []

    def ledger(self, incarnation: str, age: timedelta, edge: str = "edge-1", **changes: object) -> EdgeLedger:
        made = EdgeLedger(edge, incarnation, 10, {}, 0, 0, delivered=7, shipped=4, watermark=to_micros(NOW))
        made = msgspec.structs.replace(made, **changes)
        path = (LAYOUT.closed_ledger if made.owes_nothing else LAYOUT.edge_ledger)(edge, incarnation)
        self.files.write(path, msgspec.json.encode(made))
        stamp = (NOW - age).timestamp()
        os.utime(self.folder / path.lstrip("/"), (stamp, stamp))
        return made

    def states(self, *, closed: bool = False) -> dict[str, str]:
        found = list_edges(self.files, LAYOUT, NOW, SILENT_AFTER, closed=closed)
        return {one.ledger.incarnation: one.state.value for one in found}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def retirement(incarnation: str, nonce: str = "n") -> Retirement:
    return Retirement("edge-1", incarnation, 10, [Booked(3, 7, 9)], [], "olga", "the disk is gone", 5, nonce)


def test_each_has_its_state(world: World) -> None:
    world.ledger("live", timedelta(seconds=10))
    world.ledger("ending", timedelta(seconds=10), ended=True)
    world.ledger("dead", timedelta(minutes=11))
    world.ledger("ended-long-ago", timedelta(minutes=11), ended=True)
    world.ledger("given-up", timedelta(days=2))
    world.ledger("back-again", timedelta(seconds=1), ended=True)
    world.ledger("other", timedelta(0), edge="edge-2")
    world.ledger("closed", timedelta(days=400), closed=True, ended=True, delivered=10, shipped=10)
    for name in ("given-up", "back-again"):
        add_retirement(world.files, LAYOUT, retirement(name))
    expected = {
        "live": "live",
        "ending": "draining",
        "dead": "silent",
        "ended-long-ago": "silent",
        "given-up": "retired",
        "back-again": "draining",
        "other": "live",
    }
    assert world.states() == expected
    assert world.states(closed=True) == expected | {"closed": "closed"}


def test_closed_ledgers_are_not_opened(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ledger("live", timedelta(0))
    for number in range(5):
        world.ledger(f"closed-{number}", timedelta(days=1), closed=True, ended=True, delivered=10)
    opened: list[str] = []
    read = LocalFiles.read

    def noted(files: LocalFiles, path: str) -> bytes:
        opened.append(path)
        return read(files, path)

    monkeypatch.setattr(LocalFiles, "read", noted)
    assert world.states() == {"live": "live"}
    assert opened == [LAYOUT.edge_ledger("edge-1", "live")]


def test_the_document_counts_what_is_owed(world: World) -> None:
    world.ledger("live", timedelta(seconds=5))
    world.ledger("closed", timedelta(days=1), closed=True, ended=True, delivered=10, watermark=CLOSED_MARK)
    world.ledger("young", timedelta(seconds=1), watermark=0)
    rows = {
        row["incarnation"]: row
        for row in (one.document() for one in list_edges(world.files, LAYOUT, NOW, SILENT_AFTER, closed=True))
    }
    assert rows["live"] == {
        "edge": "edge-1",
        "incarnation": "live",
        "state": "live",
        "watermark": to_text(NOW),
        "accepted": 10,
        "undelivered": 3,
        "unshipped": 6,
        "heard_at": to_text(NOW - timedelta(seconds=5)),
    }
    assert (rows["closed"]["undelivered"], rows["closed"]["unshipped"], rows["closed"]["watermark"]) == (0, 0, None)
    assert rows["young"]["watermark"] is None


def test_one_that_closes_while_it_is_looked_at_is_read_as_it_closed(world: World) -> None:
    ledger = world.ledger("a", timedelta(0), closed=True, ended=True, delivered=10)
    was_listed = Entry(LAYOUT.edge_ledger("edge-1", "a"), False, 1, 0)
    assert read_ledger(Documents(world.files), LAYOUT, ledger.edge, was_listed) == ledger


@pytest.mark.parametrize("is_retired", [True, False])
def test_closed_is_closed_whatever_else_is_said(is_retired: bool) -> None:
    ledger = EdgeLedger("edge-1", "a", 10, {}, 0, 0, closed=True, ended=True, delivered=10)
    assert state_of(ledger, NOW, NOW, is_retired) is EdgeState.CLOSED


def test_a_retirement_is_never_overwritten_and_a_second_one_stands_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = retirement("a", "one"), retirement("a", "two")
    add_retirement(world.files, LAYOUT, first)
    with monkeypatch.context() as patched:
        patched.setattr("lakehouse.ledger.retirement.retired_incarnations", lambda _: {})
        with pytest.raises(RefusedError):
            add_retirement(world.files, LAYOUT, second)
    assert read_retirements(world.files, LAYOUT) == [first]
    add_retirement(world.files, LAYOUT, second)
    assert read_retirements(world.files, LAYOUT) == [first, second]
