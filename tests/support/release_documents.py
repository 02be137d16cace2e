"""Documents of snapshots and releases as tests want them: whole, and different only in what a test is about."""

from typing import Any

import msgspec

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import BronzeCursor, Definition, Release, Snapshot, TableState, new_nonce

DEFINITION = Definition("f" * 64)


def snapshot(version: int, number: int, tables: dict[str, TableState] | None = None, **changes: Any) -> Snapshot:
    """Of the bronze commits up to ``number``. ``changes`` by the names of the fields."""
    made = Snapshot(
        gold_version=GoldVersionNumber(version),
        number=SnapshotNumber(number),
        bronze=BronzeCursor(FIRST_GENERATION, number),
        tables=tables or {},
        marks=[],
        offsets={},
        complete_through=None,
        changed=True,
        query_ids=[],
        nonce=new_nonce(),
    )
    return msgspec.structs.replace(made, **changes)


def release(number: int, shown: Snapshot, **changes: Any) -> Release:
    """Shows a snapshot. ``changes`` by the names of the fields."""
    made = Release(
        release=ReleaseNumber(number),
        parent=ReleaseNumber(number - 1) or None,
        kind="cycle",
        actor="test",
        snapshot=shown.number,
        gold_version=shown.gold_version,
        definition=DEFINITION,
        bronze=shown.bronze,
        tables=shown.tables,
        complete_through=shown.complete_through,
        catalogue=1,
        tzdata="2026b",
        nonce=new_nonce(),
    )
    return msgspec.structs.replace(made, **changes)


def next_release(log: ReleaseLog, shown: Snapshot, **changes: Any) -> Release:
    """The one after the newest of the log."""
    parent = log.current()
    return release(parent.number + 1 if parent else 1, shown, **changes)
