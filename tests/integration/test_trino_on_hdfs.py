"""Trino writes Delta on HDFS through our connector: each commit whole, exclusive, and kept for time travel."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trino.dbapi
from hdfs_native import Client

from tests.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack
WRITERS, INSERTS = 4, 5


class Sql:
    """One statement after another, on a schema of the test's own."""

    def __init__(self, stack: EmbeddedStack, schema: str) -> None:
        host, port = stack.settings.host, stack.settings.ports.trino
        self._connect = lambda: trino.dbapi.connect(host=host, port=port, user="test", catalog="lake", schema=schema)

    def __call__(self, statement: str) -> list[Any]:
        cursor = self._connect().cursor()
        cursor.execute(statement)
        return [list(row) for row in cursor.fetchall()]


@pytest.fixture(scope="module")
def sql(servers: EmbeddedStack) -> Iterator[Sql]:
    found = Sql(servers, "trino_on_hdfs")
    found("CREATE SCHEMA trino_on_hdfs")
    yield found
    found("DROP SCHEMA trino_on_hdfs CASCADE")


def log_files(stack: EmbeddedStack, sql: Sql, table: str) -> list[str]:
    [[location]] = sql(f"SELECT DISTINCT regexp_replace(\"$path\", '/[^/]*$') FROM {table}")
    client = Client(stack.settings.hdfs_url)
    folder = location.removeprefix(stack.settings.hdfs_url)
    return sorted(entry.path.rpartition("/")[2] for entry in client.list_status(f"{folder}/_delta_log"))


def test_merge_changes_rows_and_the_older_version_stays_readable(sql: Sql) -> None:
    sql("CREATE TABLE merged (id bigint, word varchar)")
    sql("INSERT INTO merged VALUES (1, 'one'), (2, 'two')")
    sql(
        "MERGE INTO merged t USING (VALUES (2, 'zwei'), (3, 'drei')) s (id, word) ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET word = s.word WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.word)"
    )
    assert sql("SELECT * FROM merged ORDER BY id") == [[1, "one"], [2, "zwei"], [3, "drei"]]
    assert sql("SELECT * FROM merged FOR VERSION AS OF 1 ORDER BY id") == [[1, "one"], [2, "two"]]


def test_writers_at_once_lose_no_row_and_leave_only_whole_log_entries(servers: EmbeddedStack, sql: Sql) -> None:
    sql("CREATE TABLE raced (writer bigint, number bigint)")

    def write(writer: int) -> None:
        for number in range(INSERTS):
            sql(f"INSERT INTO raced VALUES ({writer}, {number})")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    expected = [[writer, number] for writer in range(WRITERS) for number in range(INSERTS)]
    assert sql("SELECT * FROM raced ORDER BY writer, number") == expected
    entries = [name for name in log_files(servers, sql, "raced") if re.fullmatch(r"\d{20}\.json", name)]
    assert entries == [f"{version:020}.json" for version in range(len(expected) + 1)]


def test_checkpoints_appear_under_their_final_name_only(servers: EmbeddedStack, sql: Sql) -> None:
    sql("CREATE TABLE pointed (id bigint) WITH (checkpoint_interval = 2)")
    for number in range(4):
        sql(f"INSERT INTO pointed VALUES ({number})")
    names = log_files(servers, sql, "pointed")
    assert [name for name in names if name.endswith(".checkpoint.parquet")]
    assert "_last_checkpoint" in names
    assert not [name for name in names if name.startswith(".") or name.endswith(".tmp")]
    assert sql("SELECT count(*) FROM pointed") == [[4]]
