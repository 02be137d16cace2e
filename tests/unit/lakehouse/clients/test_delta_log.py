"""The log reader against logs that a real engine wrote (delta-rs here)."""

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from lakehouse.clients.delta_log import bronze_commit, commits, commits_since, head_version, parse_commit, read_commit
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.commit_info import BronzeCommit, PartitionRange
from lakehouse.errors import NotFoundError
from lakehouse.releases.generations import FIRST_GENERATION

META = BronzeCommit(FIRST_GENERATION, 2, 3, {"events": {0: PartitionRange(5, 9)}}, [], rows=2, quarantined=0)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = pa.table({"day": ["a", "b"], "n": [1, 2]})
    properties = CommitProperties(app_transactions=[Transaction(app_id="writer", version=7)])
    write_deltalake(tmp_path / "t", rows, partition_by=["day"])
    write_deltalake(tmp_path / "t", rows, mode="append", commit_properties=properties)
    return tmp_path


def test_reads_versions_files_and_transactions(table: Path) -> None:
    files = LocalFiles(table)
    assert head_version(files, "/t") == 1
    second = read_commit(files, "/t", 1)
    assert second.transactions == {"writer": 7}
    assert second.data_change
    paths = {add.path for version in (0, 1) for add in read_commit(files, "/t", version).adds}
    assert {str(table / "t" / path) for path in paths} == set(DeltaTable(table / "t").file_uris())
    assert sorted(str(add.partition["day"]) for add in second.adds) == ["a", "b"]


def test_compaction_is_no_change_of_data(table: Path) -> None:
    DeltaTable(table / "t").optimize.compact()
    compaction = read_commit(LocalFiles(table), "/t", 2)
    assert compaction.operation == "OPTIMIZE"
    assert not compaction.data_change
    assert len(compaction.removes) == 4


def test_ranges_exclude_the_start_and_include_the_end(table: Path) -> None:
    files = LocalFiles(table)
    assert [c.version for c in commits(files, "/t", after=0, through=1)] == [1]
    assert [c.version for c in commits_since(files, "/t", after=-1)] == [0, 1]
    assert list(commits_since(files, "/t", after=1)) == []


def test_a_hole_is_an_error(table: Path) -> None:
    with pytest.raises(NotFoundError, match="version 2"):
        list(commits(LocalFiles(table), "/t", after=1, through=2))


def test_no_table_has_no_head(tmp_path: Path) -> None:
    assert head_version(LocalFiles(tmp_path), "/none") is None


def test_checkpoints_and_odd_files_are_no_commits(table: Path) -> None:
    log = table / "t" / "_delta_log"
    for name in (
        "00000000000000000009.checkpoint.parquet",
        "_last_checkpoint",
        ".00000000000000000009.json.crc",
    ):
        (log / name).write_bytes(b"{}")
    (log / "00000000000000000008.00000000000000000009.compacted.json").write_bytes(b"{}")
    assert head_version(LocalFiles(table), "/t") == 1


@pytest.mark.parametrize("text", [None, "nightly load", '{"generation": 1}', "[]"])
def test_only_the_bronze_writers_own_metadata_counts(text: str | None) -> None:
    info = {"timestamp": 0, "operation": "WRITE"} | ({} if text is None else {"userMetadata": text})
    assert bronze_commit(parse_commit(0, msgspec.json.encode({"commitInfo": info}))) is None


def test_bronze_metadata_and_trino_query_are_read_back() -> None:
    info = {
        "timestamp": 1_700_000_000_000,
        "operation": "MERGE",
        "operationParameters": {"queryId": "20261123_1_2_x"},
        "clusterId": "trino-476",
        "userMetadata": msgspec.json.encode(META).decode(),
    }
    commit = parse_commit(4, msgspec.json.encode({"commitInfo": info}) + b"\n")
    assert bronze_commit(commit) == META
    assert (commit.query_id, commit.engine, commit.data_change) == ("20261123_1_2_x", "trino-476", False)
