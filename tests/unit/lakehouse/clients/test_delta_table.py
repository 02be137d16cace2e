"""A Delta table put back, on a local file system."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.clients.delta_table import restore
from lakehouse.errors import NotReadyError


@pytest.fixture
def table(tmp_path: Path) -> str:
    """Version 0 holds 1, 2, 3; after it 4 was appended, and then 2 deleted."""
    url = f"file://{tmp_path}/t"
    write_deltalake(url, pa.table({"n": [1, 2, 3]}))
    write_deltalake(url, pa.table({"n": [4]}), mode="append")
    DeltaTable(url).delete("n = 2")
    return url


def rows(url: str) -> list[int]:
    return sorted(DeltaTable(url).to_pyarrow_table()["n"].to_pylist())


@pytest.mark.parametrize(("version", "expected"), [(0, [1, 2, 3]), (1, [1, 2, 3, 4]), (None, [])])
def test_the_rows_are_those_of_the_version(table: str, version: int | None, expected: list[int]) -> None:
    assert rows(table) == [1, 3, 4]
    for _ in range(2):
        assert restore(table, version) == DeltaTable(table).version()
        assert rows(table) == expected


@pytest.mark.parametrize("version", [24, None])
def test_no_entry_of_the_log_is_removed(tmp_path: Path, version: int | None) -> None:
    """Of a table in its third month, which delta-rs would take for too long a log."""
    url, log = f"file://{tmp_path}/t", tmp_path / "t" / "_delta_log"
    for number in range(26):
        write_deltalake(url, pa.table({"n": [number]}), mode="append")
        if number in (9, 19):
            DeltaTable(url).create_checkpoint()
    entries = sorted(log.iterdir())
    long_ago = time.time() - timedelta(days=60).total_seconds()
    for entry in entries[:-4]:
        os.utime(entry, (long_ago, long_ago))
    restore(url, version)
    assert set(entries) < set(log.iterdir())


def test_what_is_no_table_is_tried_again_later(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="could not be put back"):
        restore(f"file://{tmp_path}/nothing", 0)
