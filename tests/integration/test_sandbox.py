"""The data engineers' loop on the real Trino: changed models are built beside production and cannot change it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import SqlError, Trino
from lakehouse.contracts import tables
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.transform import definition
from lakehouse.transform.service import Transform
from tests.support import naive_models
from tests.support.bronze_rows import chunks, random_rows
from tests.support.embedded_stack import EmbeddedStack
from tests.support.stack_warehouse import in_steps

pytestmark = pytest.mark.stack

ROWS = random_rows(seed=4, count=300)
STEPS = 3
USER, SCHEMA = "Ana.Lima", "sandbox_ana_lima"
VIEWS = {f"production_{name}" for name in ("events", "duplicates", "sales_facts", "merchant_sales", "merchant_traffic")}
Sales = dict[Any, dict[str, int]]


@dataclass(frozen=True)
class Engineer:
    """Someone with a checkout of the project, and the command."""

    stack: EmbeddedStack
    project: Path

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.stack.run("sandbox", "--user", USER, "--project", str(self.project), "--", *arguments)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.project / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def tables(self) -> set[str]:
        rows = Trino.of(self.stack.settings, user=USER).query(f"SHOW TABLES FROM lake.{SCHEMA}")
        return {row["Table"] for row in rows}


@pytest.fixture(scope="module")
def stack(lake: EmbeddedStack) -> EmbeddedStack:
    """HDFS and Trino, and a release that several cycles have made."""
    transform = Transform(in_steps(lake.settings, ROWS, STEPS))
    assert [transform.turn().rows for _ in range(STEPS)] == [len(rows) for rows in chunks(ROWS, STEPS)]
    return lake


@pytest.fixture
def engineer(stack: EmbeddedStack, tmp_path: Path) -> Iterator[Engineer]:
    project = tmp_path / "dbt_project"
    shutil.copytree(definition.PROJECT, project)
    yield Engineer(stack, project)
    assert stack.run("sandbox", "--user", USER, "--drop").returncode == 0
    assert not Trino.of(stack.settings).query(f"SHOW SCHEMAS FROM lake LIKE '{SCHEMA}'")
    assert not HdfsFiles(stack.settings.hdfs_url).list(Layout(stack.settings.warehouse).sandbox(SCHEMA))


@pytest.fixture(autouse=True)
def production_stays(stack: EmbeddedStack) -> Iterator[None]:
    """Whatever is done in a sandbox, each table of production keeps its Delta version, and readers their numbers."""
    before = heads(stack)
    yield
    assert heads(stack) == before
    assert sales(stack, "gold.merchant_sales") == expected()


def heads(stack: EmbeddedStack) -> dict[str, int]:
    trino = Trino.of(stack.settings)
    names = [("silver_v1", name) for name in ("events", "duplicates", "sales_facts")]
    names += [("gold_v1", name) for name in tables.GOLD_TABLES]
    return {
        name: trino.query(f'SELECT max(version) AS head FROM lake.{schema}."{name}$history"')[0]["head"]
        for schema, name in names
    }


def sales(stack: EmbeddedStack, table: str) -> Sales:
    measures = tables.GOLD_MEASURES[tables.MERCHANT_SALES]
    rows = Trino.of(stack.settings, user=USER).query(f"SELECT * FROM lake.{table}")
    found = {(r["merchant_id"], r["slot"], r["currency"]): {m: int(r[m]) for m in measures if r[m]} for r in rows}
    assert len(found) == len(rows), "a key has two rows"
    return {key: values for key, values in found.items() if values}


def expected(**factors: int) -> Sales:
    """The naive computation, with measures multiplied as a changed model would."""
    truth = naive_models.sales(ROWS).items()
    return {key: {m: v * factors.get(m, 1) for m, v in values.items() if v} for key, values in truth}


def test_a_changed_model_is_built_with_all_that_is_made_of_it(engineer: Engineer) -> None:
    """Twice the returns in silver: what was not selected comes from production, and both audits agree with the rest."""
    engineer.change("macros/sales_facts_of.sql", ") as returns,", ") * 2 as returns,")
    done = engineer.dbt("build", "--select", "sales_facts+")
    assert done.returncode == 0, done.stdout + done.stderr
    assert engineer.tables() == {"sales_facts", "merchant_sales"} | VIEWS
    assert sales(engineer.stack, f"{SCHEMA}.merchant_sales") == expected(returns=2)


def test_what_is_not_selected_comes_from_the_release_even_if_the_sandbox_has_it(engineer: Engineer) -> None:
    """A second build replaces the first; a model whose audit fails is there to be looked at."""
    engineer.change("macros/sales_facts_of.sql", ") as returns,", ") * 2 as returns,")
    assert engineer.dbt("build", "--select", "sales_facts+").returncode == 0
    engineer.change("models/gold/merchant_sales.sql", "sum(f.units) as", "3 * sum(f.units) as")
    done = engineer.dbt("build", "--select", "merchant_sales")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "audit_sales_parts_equal_total" in done.stdout
    assert sales(engineer.stack, f"{SCHEMA}.merchant_sales") == expected(units=3)


def test_the_models_of_the_release_build_the_same_numbers_from_bronze(engineer: Engineer) -> None:
    done = engineer.dbt("build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sales(engineer.stack, f"{SCHEMA}.merchant_sales") == expected()
    trino = Trino.of(engineer.stack.settings)
    columns = "edge, segment, seq, merchant_id, type, time, data"
    own, released = (f"SELECT {columns} FROM lake.{schema}.events" for schema in (SCHEMA, "silver"))
    assert not trino.query(f"({own} EXCEPT {released}) UNION ALL ({released} EXCEPT {own})")


def test_all_tests_of_the_project_pass_beside_production(engineer: Engineer) -> None:
    """The unit tests of the models, and its tests of data on all that the release has."""
    done = engineer.dbt("test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS merchant_sales::merchant_sales_adds_up_what_counts" in done.stdout
    assert "PASS audit_merchant_sales_key_is_unique" in done.stdout
    assert "PASS merchant_sales_come_from_facts" in done.stdout


def test_a_unit_test_fails_where_a_model_says_something_else(engineer: Engineer) -> None:
    engineer.change("macros/sales_facts_of.sql", ") as returns,", ") * 2 as returns,")
    done = engineer.dbt("test", "--select", "sales_facts,test_type:unit")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL 1 sales_facts::sales_facts_of_each_type" in done.stdout
    assert "PASS sales_facts::sales_facts_judges_its_past_again" in done.stdout


def test_dbt_knows_what_differs_from_the_release(engineer: Engineer) -> None:
    listing = ("ls", "--quiet", "--resource-type", "model", "--output", "json", "--output-keys", "name")
    same = engineer.dbt(*listing, "--select", "state:modified")
    assert (same.returncode, same.stdout.strip()) == (0, ""), same.stdout + same.stderr
    engineer.change("models/gold/merchant_traffic.sql", "count(*) as page_views", "2 * count(*) as page_views")
    changed = engineer.dbt(*listing, "--select", "state:modified+")
    assert [json.loads(line)["name"] for line in changed.stdout.splitlines()] == ["merchant_traffic"]


def test_a_build_that_aims_at_production_is_refused(engineer: Engineer) -> None:
    """The production profile, and the version that readers see: Trino knows who asks."""
    done = engineer.dbt("build", "--target", "trino", "--select", "merchant_sales")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Access Denied" in done.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO lake.gold_v1.merchant_sales SELECT * FROM lake.gold_v1.merchant_sales",
        "DELETE FROM lake.gold_v1.merchant_sales",
        "UPDATE lake.silver_v1.events SET data = '{}'",
        "DROP TABLE lake.silver_v1.events",
        "CREATE TABLE lake.gold_v1.mine AS SELECT 1 AS one",
        "CREATE OR REPLACE VIEW lake.gold.merchant_sales AS SELECT 1 AS one",
        "ALTER TABLE lake.gold_v1.merchant_sales RENAME TO lake.sandbox_ana_lima.merchant_sales",
        "DROP SCHEMA lake.gold_v1 CASCADE",
        "CREATE SCHEMA lake.gold_v9",
    ],
)
def test_the_user_of_a_sandbox_cannot_write_production(stack: EmbeddedStack, statement: str) -> None:
    with pytest.raises(SqlError, match="Access Denied"):
        Trino.of(stack.settings, user=USER).execute(statement)


def test_a_user_who_writes_production_has_no_sandbox(stack: EmbeddedStack) -> None:
    done = stack.run("sandbox", "--user", TRANSFORM_USER, "--", "build")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--user" in done.stderr


def test_wrong_arguments_end_as_dbt_ends_them(engineer: Engineer) -> None:
    assert engineer.dbt("build", "--no-such-option").returncode == 2
    assert engineer.stack.run("sandbox", "--user", USER).returncode == 1
