"""Builds of the real project by the real dbt, on a Trino that runs nothing."""

import re
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from trino.exceptions import TrinoQueryError, TrinoUserError

from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.settings import Settings
from lakehouse.transform import definition
from lakehouse.transform.building.build import Build, BuildFailedError, run
from tests.support.scripted_trino import Answer, ScriptedTrino, install, node_of

FIRST = Build(
    gold_version=GoldVersionNumber(2),
    snapshot=SnapshotNumber(1),
    generation=FIRST_GENERATION,
    from_version=-1,
    to_version=3,
    order_repeat_days=35,
)


@pytest.fixture
def trino(monkeypatch: pytest.MonkeyPatch) -> ScriptedTrino:
    return install(monkeypatch)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One home, so that the project is parsed once."""
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize(
    ("name", "kind", "lasting", "too_large"),
    [
        ("COLUMN_NOT_FOUND", "USER_ERROR", True, False),
        ("ADMINISTRATIVELY_KILLED", "USER_ERROR", False, False),
        ("ABANDONED_QUERY", "USER_ERROR", False, False),
        ("USER_CANCELED", "USER_ERROR", False, False),
        ("EXCEEDED_LOCAL_MEMORY_LIMIT", "INSUFFICIENT_RESOURCES", False, True),
        ("GENERIC_INTERNAL_ERROR", "INTERNAL_ERROR", False, False),
    ],
)
def test_only_what_would_fail_again_is_lasting(
    trino: ScriptedTrino, settings: Settings, name: str, kind: str, lasting: bool, too_large: bool
) -> None:
    """By the message of Trino's own client. Who ends a query says nothing of its statement."""

    def fail(sql: str) -> Answer | None:
        if node_of(sql) != "events":
            return None
        error = TrinoUserError if kind == "USER_ERROR" else TrinoQueryError
        raise error({"errorName": name, "errorType": kind, "message": "a message"}, "20261127_1")

    trino.script = fail
    with pytest.raises(BuildFailedError, match=f"(?s)^events failed, with .*{name}") as raised:
        run(settings, definition.PROJECT, FIRST)
    assert (raised.value.is_lasting, raised.value.is_too_large) == (lasting, too_large)
    [named] = re.findall(r"Its query is in (\S+\.sql)\.", str(raised.value))
    assert "bronze" in Path(named).read_text()


EVENT = [
    *("event_month", "event_date", "merchant_id", "source", "id", "type", "time", "accepted_at", "edge", "segment"),
    *("seq", "subject", "extensions", "replay_of", "data"),
]
FACTS = ["event_month", "merchant_id", "counted", "snapshot"]
SALES = [
    *("merchant_id", "slot", "currency", "gross_sales", "discounts", "returns", "shipping", "tax", "orders"),
    *("orders_cancelled", "units", "snapshot", "slot_month"),
]
COLUMNS = {
    "events": [*EVENT, "snapshot"],
    "duplicates": [*EVENT, "verdict", "displaced", "snapshot"],
    "sales_facts": FACTS,
    "merchant_sales": SALES,
    "merchant_traffic": ["merchant_id", "slot", "page_views", "snapshot", "slot_month"],
}
COPIED = replace(FIRST, snapshot=SnapshotNumber(2), since=0, upon_a_copy=True)
"""A build upon a copy: what lies before ``since`` is in the tables already."""


def fill(trino: ScriptedTrino, **made: list[str]) -> None:
    """The tables are there with :data:`COLUMNS`, and models yield those, or what is named for them."""
    for name, columns in COLUMNS.items():
        trino.tables[f"{'gold' if name.startswith('merchant') else 'silver'}_v2", name] = columns
    yields = COLUMNS | made
    trino.script = lambda sql: (yields[node_of(sql)], []) if "__dbt_sbq" in sql else None


def written(trino: ScriptedTrino) -> set[str]:
    """The models that have written."""
    return {name for name in COLUMNS if any("insert into" in sql or "merge into" in sql for sql in trino.of_node(name))}


def test_the_columns_of_a_copy_are_compared_before_it_grows(trino: ScriptedTrino, settings: Settings) -> None:
    fill(
        trino, events=[column.upper() for column in reversed(COLUMNS["events"])]
    )  # by name, and Trino's names have no case
    run(settings, definition.PROJECT, COPIED)
    assert written(trino) == set(COLUMNS)


@pytest.mark.parametrize("columns", [[*COLUMNS["events"], "size"], COLUMNS["events"][:-1]], ids=["new", "gone"])
def test_another_column_is_refused_where_only_some_days_are_built(
    trino: ScriptedTrino, settings: Settings, columns: list[str]
) -> None:
    fill(trino, events=columns)
    differing = (set(columns) ^ set(COLUMNS["events"])).pop()
    told = rf"""(?s)other columns than "lake"\."silver_v2"\."events".*: {differing}\. .*without --since and --until"""
    with pytest.raises(BuildFailedError, match=told) as raised:
        run(settings, definition.PROJECT, COPIED)
    assert raised.value.is_lasting
    assert written(trino) == {"duplicates"}


@pytest.mark.parametrize(
    ("before", "after"), [("'bigint'}", "'bigint', 'visits': 'bigint'}"), ("page_views'", "visits'")]
)
def test_another_measure_is_refused_before_trino_misses_it(
    trino: ScriptedTrino, settings: Settings, tmp_path: Path, before: str, after: str
) -> None:
    """Gold compares itself with its past, which has no such column."""
    project = Path(copytree(definition.PROJECT, tmp_path / "project"))
    model = project / "models" / "gold" / "merchant_traffic.sql"
    assert before in model.read_text()
    model.write_text(model.read_text().replace(before, after))
    fill(trino)
    with pytest.raises(
        BuildFailedError, match=r"(?s)merchant_traffic.*: visits.*without --since and --until"
    ) as raised:
        run(settings, project, COPIED)
    assert raised.value.is_lasting
    assert "merchant_traffic" not in written(trino)


@pytest.mark.parametrize(
    "build",
    [replace(FIRST, snapshot=SnapshotNumber(2), from_version=1), replace(FIRST, snapshot=SnapshotNumber(2), since=0)],
    ids=["a cycle", "a slice"],
)
def test_what_grows_its_own_tables_compares_nothing(trino: ScriptedTrino, settings: Settings, build: Build) -> None:
    """Each model and each audit is one statement, and dbt asks once for a table's columns."""
    fill(trino)
    run(settings, definition.PROJECT, build)
    assert written(trino) == set(COLUMNS)
    for name in trino.nodes:
        assert len(trino.of_node(name)) == (2 if name in COLUMNS else 1), trino.of_node(name)


SILVER = ("events", "duplicates", "sales_facts")
KEYS = ("audit_merchant_sales_key_is_unique", "audit_merchant_traffic_key_is_unique")


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ([*SILVER, "merchant_sales"], {"merchant_traffic", KEYS[1]}),
        (SILVER, {"merchant_sales", "merchant_traffic", *KEYS, "audit_sales_parts_equal_total"}),
        (
            ["events", "duplicates", "merchant_traffic"],
            {"sales_facts", "merchant_sales", KEYS[0], "audit_sales_parts_equal_total"},
        ),
    ],
    ids=["traffic", "gold", "sales"],
)
def test_beside_shared_tables_only_what_is_built_is_audited(
    trino: ScriptedTrino, settings: Settings, shared: list[str], expected: set[str]
) -> None:
    """Nobody reads bronze then: each step would read all of it, and the base has audited that."""
    states = {name: f"lake.base_v1.{name} FOR VERSION AS OF 3" for name in shared}
    run(settings, definition.PROJECT, replace(FIRST, shared=states))
    assert trino.nodes == expected
    assert not [sql for sql in trino.told if "events_g1" in sql]
