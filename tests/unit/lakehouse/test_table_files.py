"""What belongs to a table, against tables that a real engine wrote (delta-rs here)."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse import table_files
from lakehouse.clients.files import LocalFiles
from lakehouse.table_files import BrokenLogError

ODD = ["a", "b c", "50%", "x=y/z", "é:1"]
CHECKPOINT = 4
HEAD = 7


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Versions 0 to 3 append, 4 replaces everything and has a checkpoint, 5 to 7 append."""
    for version in range(HEAD + 1):
        rows = pa.table({"day": ODD, "n": [version] * len(ODD)})
        mode = "overwrite" if version == CHECKPOINT else "append"
        write_deltalake(tmp_path / "t", rows, mode=mode, partition_by=["day"])
        if version == CHECKPOINT:
            DeltaTable(tmp_path / "t").create_checkpoint()
    return tmp_path


def content(table: Path, version: int) -> list[tuple[str, int]]:
    rows = DeltaTable(table / "t", version=version).to_pyarrow_table()
    return sorted(zip(rows["day"].to_pylist(), rows["n"].to_pylist(), strict=True))


def remove(table: Path, since: int) -> None:
    """As a vacuum does that keeps everything from ``since`` on, and an engine that cleans up its log."""
    files = LocalFiles(table)
    kept = table_files.kept(files, "/t", since)
    for path, entry in list(table_files.data_files(files, "/t")):
        if path not in kept:
            files.delete(entry.path)
    if since >= CHECKPOINT:
        for commit in commits_before_the_checkpoint(table):
            commit.unlink()


def commits_before_the_checkpoint(table: Path) -> list[Path]:
    return [table / "t/_delta_log" / f"{version:020d}.json" for version in range(CHECKPOINT)]


@pytest.mark.parametrize("since", range(HEAD + 1))
def test_what_is_kept_is_what_the_engine_reads(table: Path, since: int) -> None:
    before = {version: content(table, version) for version in range(HEAD + 1)}
    remove(table, since)
    assert {version: content(table, version) for version in range(since, HEAD + 1)} == {
        version: before[version] for version in range(since, HEAD + 1)
    }
    left = {path for path, _ in table_files.data_files(LocalFiles(table), "/t")}
    assert len(left) == len(ODD) * (HEAD + 1 if since < CHECKPOINT else HEAD + 1 - CHECKPOINT)
    commits = sorted(path.name for path in (table / "t/_delta_log").glob("*.json"))
    assert len(commits) == (HEAD + 1 if since < CHECKPOINT else HEAD + 1 - CHECKPOINT)


def test_what_has_gone_is_missing(table: Path) -> None:
    files = LocalFiles(table)
    assert not any(table_files.missing(files, "/t", version) for version in range(HEAD + 1))
    remove(table, CHECKPOINT)
    assert [bool(table_files.missing(files, "/t", version)) for version in range(HEAD + 1)] == [True] * 4 + [False] * 4
    next((table / "t").rglob("*.parquet")).unlink()
    assert len(table_files.missing(files, "/t", HEAD)) == 1


def test_it_can_be_repeated_and_killed_between_any_two_files_of_the_log(table: Path) -> None:
    files = LocalFiles(table)
    for commit in commits_before_the_checkpoint(table):
        commit.unlink()
        assert len(table_files.kept(files, "/t", HEAD)) == len(ODD) * (HEAD + 1 - CHECKPOINT)
        assert len(content(table, HEAD)) == len(ODD) * (HEAD + 1 - CHECKPOINT)


def test_a_version_that_the_log_does_not_tell_is_an_error(table: Path) -> None:
    with pytest.raises(BrokenLogError, match="commits of it are lost"):
        table_files.kept(LocalFiles(table), "/t", HEAD + 1)


def test_nothing_of_a_table_goes_whose_log_is_broken(table: Path) -> None:
    remove(table, CHECKPOINT)
    checkpoint = next((table / "t/_delta_log").glob("*.checkpoint.parquet"))
    checkpoint.write_bytes(b"half a check")
    with pytest.raises(BrokenLogError, match="cannot be read"):
        table_files.kept(LocalFiles(table), "/t", HEAD)
    checkpoint.unlink()
    with pytest.raises(BrokenLogError, match="commits of it are lost"):
        table_files.kept(LocalFiles(table), "/t", HEAD)
