"""Trino writes Delta on HDFS through our connector: each commit whole, exclusive, and kept for time travel."""

import itertools
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trino.dbapi
import trino.exceptions
from hdfs_native import Client

from compose.local import trino_groups
from compose.local.program import Layout
from lakehouse.clients.trino import SqlError, Trino
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.tables import TRANSFORM_USER, reprocess_user
from tests.support import java_harness
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack
WRITERS, INSERTS = 4, 5
_WHOLE = "nothing, first, second, 1 entry"
WRITTEN = {
    "schema/.trinoSchema": _WHOLE,
    "table/.trinoSchema": _WHOLE,
    "function/.trinoFunction": _WHOLE,
    "catalog/.roles": _WHOLE,
    "grants/.roleGrants": _WHOLE,
    "table/.trinoPermissions/user_ana": _WHOLE,
    "table/_delta_log/_last_checkpoint": _WHOLE,
    "table/_delta_log/_trino_meta/extended_stats.json": _WHOLE,
    # data files have names of their own, and nobody reads them before a log names them
    "data/part-0.txt": "empty, empty, second, 1 entry",
}
"""What a reader of a file meets while it is written, while it is overwritten, and at the end."""


class Sql:
    """One statement after another, on a schema of the test's own."""

    def __init__(self, stack: EmbeddedStack, schema: str) -> None:
        host, port = stack.settings.host, stack.settings.ports.trino
        self._where = {"host": host, "port": port, "user": TRANSFORM_USER, "catalog": "lake", "schema": schema}

    def __call__(self, statement: str) -> list[Any]:
        cursor = trino.dbapi.connect(**self._where).cursor()
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


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM {table}",
        "INSERT INTO {table} SELECT * FROM {table}",
        "UPDATE {table} SET id = 0",
        "DROP TABLE {table}",
        "CREATE OR REPLACE VIEW {table}_view AS SELECT 1 AS one",
        "CREATE TABLE {table}_copy AS SELECT * FROM {table}",
        "CREATE SCHEMA lake.mine",
        "CALL lake.system.vacuum('{schema}', '{name}', '0s')",
    ],
)
def test_an_analyst_reads_and_only_the_transform_writes(servers: EmbeddedStack, sql: Sql, statement: str) -> None:
    sql("CREATE TABLE IF NOT EXISTS readable AS SELECT 7 AS id")
    schema = sql("SELECT current_schema")[0][0]
    table = f"lake.{schema}.readable"
    analyst = Trino.of(servers.settings, user="analyst")
    before = analyst.query(f"SELECT * FROM {table}")
    with pytest.raises(SqlError, match="Access Denied"):
        analyst.execute(statement.format(table=table, schema=schema, name="readable"))
    assert analyst.query(f"SELECT * FROM {table}") == before == [{"id": 7}]


@pytest.mark.parametrize(
    ("user", "group"),
    [
        (TRANSFORM_USER, ["lakehouse", "transform"]),
        (reprocess_user(GoldVersionNumber(2)), ["lakehouse", "reprocess"]),
        ("ana.lima", ["lakehouse", "analysts", "ana.lima"]),
    ],
)
def test_each_query_belongs_to_its_users_group(servers: EmbeddedStack, user: str, group: list[str]) -> None:
    done = Trino.of(servers.settings, user=user).execute("SELECT 1")
    assert queries(servers, f"query_id = '{done.query_id}'") == [{"state": "FINISHED", "resource_group_id": group}]


def test_a_rebuild_waits_for_itself_and_the_transform_for_nobody(servers: EmbeddedStack) -> None:
    """Of a rebuild's long queries some run and some wait; the transform's runs beside them to its end."""
    settings, user = servers.settings, reprocess_user(GoldVersionNumber(3))
    limit = next(g for g in GROUPS if g["name"] == "reprocess")["hardConcurrencyLimit"]
    mine = f"\"user\" = '{user}' AND query LIKE '%sequence%'"
    with ThreadPoolExecutor(limit + 1) as pool:
        for _ in range(limit + 1):
            pool.submit(Trino.of(settings, user=user).query, LONG)
        try:
            deadline = time.monotonic() + 60
            while (states := sorted(row["state"] for row in queries(servers, mine))) != [
                "QUEUED",
                *["RUNNING"] * limit,
            ]:
                assert time.monotonic() < deadline, states
                time.sleep(0.1)
            assert Trino.of(settings, user=TRANSFORM_USER).query("SELECT 7 AS seven") == [{"seven": 7}]
            assert "QUEUED" in [row["state"] for row in queries(servers, mine)]
        finally:
            end_queries(servers, mine)


LONG = "SELECT count(*) FROM " + " CROSS JOIN ".join(f"UNNEST(sequence(1, 10000)) AS t{n} (v{n})" for n in range(3))
GROUPS: list[dict[str, Any]] = trino_groups.groups()["rootGroups"][0]["subGroups"]  # type: ignore[index]


def queries(stack: EmbeddedStack, condition: str) -> list[dict[str, Any]]:
    """As the transform sees them, which sees all."""
    columns = "state, resource_group_id"
    return Trino.of(stack.settings, user=TRANSFORM_USER).query(
        f"SELECT {columns} FROM system.runtime.queries WHERE ({condition}) AND query NOT LIKE '%runtime.queries%'"
    )


def end_queries(stack: EmbeddedStack, condition: str) -> None:
    transform = Trino.of(stack.settings, user=TRANSFORM_USER)
    for row in transform.query(f"SELECT query_id FROM system.runtime.queries WHERE {condition} AND state <> 'FAILED'"):
        transform.query(f"CALL system.runtime.kill_query('{row['query_id']}', 'enough')")


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


@pytest.mark.parametrize("name", WRITTEN)
def test_a_reader_never_meets_half_a_file_of_a_log_or_of_the_metastore(name: str, met: dict[str, str]) -> None:
    """What a Trino killed at that moment leaves behind, too: one half entry would fail every listing of its schema."""
    assert met[name] == WRITTEN[name]


@pytest.fixture(scope="module")
def met(servers: EmbeddedStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    hadoop = Layout(servers.settings.home_path).etc / "trino" / "hadoop"
    sites = [str(hadoop / "core-site.xml"), str(hadoop / "hdfs-site.xml")]
    classes, source = tmp_path_factory.mktemp("classes"), Path(__file__).with_name("HalfWritten.java")
    arguments = [servers.settings.hdfs_url, *sites]
    return java_harness.run(source, classes, "org.merchantlakehouse.hdfs", WRITTEN, jars="hdfs", arguments=arguments)


def test_a_namenode_that_is_killed_makes_no_commit_a_lie(servers: EmbeddedStack, sql: Sql) -> None:
    """A statement that succeeded is there once; one that failed is not there, unless it said that it cannot know."""
    sql("CREATE TABLE survived (id bigint)")
    stop = threading.Event()
    told: dict[int, str] = {}

    def write() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            try:
                sql(f"INSERT INTO survived VALUES ({number})")
                told[number] = "committed"
            except trino.exceptions.Error as error:
                told[number] = "unknown" if "outcome of the commit" in str(error) else "failed"

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            for _ in range(3):
                _await_more(told)
                servers.await_restart("namenode", servers.kill("namenode"))
                servers.await_healthy("hdfs", "trino")
        finally:
            stop.set()
        writer.result(300)
    present = [number for [number] in sql("SELECT id FROM survived ORDER BY id")]
    assert len(present) == len(set(present))
    committed = {number for number, answer in told.items() if answer == "committed"}
    failed = {number for number, answer in told.items() if answer == "failed"}
    assert committed <= set(present)
    assert not failed & set(present)


def _await_more(told: dict[int, str], seconds: float = 120) -> None:
    """Wait for another commit, so that each kill falls into a row of good ones."""
    deadline = time.monotonic() + seconds
    before = list(told.values()).count("committed")
    while list(told.values()).count("committed") <= before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
