"""A sandbox has a schema in which its user may write, reads the release that it names, and leaves dbt its arguments."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts import tables
from lakehouse.errors import RefusedError
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import BronzeCursor, TableState
from lakehouse.settings import Settings
from lakehouse.transform.sandboxes import dbt as sandbox_dbt
from lakehouse.transform.sandboxes import sandbox
from tests.support.release_documents import release, snapshot

SETTINGS = Settings(home=Path("/srv/first"))
# A table may belong to another version than the release's own.
TABLES = {
    "silver.events": TableState("silver_v2", "/x/events-1", 11),
    "gold.merchant_sales": TableState("gold_v3", "/x/merchant_sales-1", 12),
}
RELEASE = release(42, snapshot(3, 7, TABLES, bronze=BronzeCursor(FIRST_GENERATION, 99)))


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", fullmatch=True).filter(lambda name: name != "transform"))
def test_every_user_has_a_schema_in_which_he_may_write(user: str) -> None:
    if re.fullmatch(tables.WRITERS, user):
        return
    assert re.fullmatch(tables.SANDBOXES, sandbox.Sandbox.of(SETTINGS, user).schema)


@pytest.mark.parametrize("user", ["", "transform", "reprocess-v2", "a b", "x'; DROP", "../up", "a" * 65, "ana\n"])
def test_who_writes_production_or_is_no_user_has_none(user: str) -> None:
    with pytest.raises(RefusedError, match="--user"):
        sandbox.Sandbox.of(SETTINGS, user)


def test_tables_are_read_as_the_release_has_them() -> None:
    assert sandbox.pinned(RELEASE, "silver.events") == "SELECT * FROM lake.silver_v2.events FOR VERSION AS OF 11"
    assert sandbox.pinned(RELEASE, "gold.merchant_sales") == (
        "SELECT * FROM lake.gold_v3.merchant_sales FOR VERSION AS OF 12 WHERE snapshot <= 7"
    )


def test_the_manifest_names_views_for_tables_and_nothing_else_changes() -> None:
    model = {"resource_type": "model", "name": "events", "schema": "silver_v3", "alias": "events", "checksum": "c"}
    test = {"resource_type": "test", "name": "events", "schema": "audits", "alias": "events"}
    manifest = {"metadata": {"dbt_version": "1"}, "nodes": {"model.p.events": model, "test.p.events": test}}
    encoded = sandbox_dbt.deferring(json.dumps(manifest).encode(), "sandbox_ana", {"events": "production_events"})
    found = json.loads(encoded)
    view = {"database": "lake", "schema": "sandbox_ana", "alias": "production_events"}
    view |= {"relation_name": '"lake"."sandbox_ana"."production_events"'}
    assert found["nodes"] == {"model.p.events": model | view, "test.p.events": test}
    assert found["metadata"] == manifest["metadata"]


@pytest.mark.parametrize("own", [["--vars", "{days: 7}"], ["--vars={days: 7}"], ["--vars", '{"days": 7}']])
def test_the_users_own_variables_go_before_ours(own: list[str]) -> None:
    arguments = ["build", "--select", "a+", *own, "--fail-fast"]
    *rest, option, text = sandbox_dbt.with_variables(arguments, {"days": 35, "snapshot": 7})
    assert (rest, option) == (["build", "--select", "a+", "--fail-fast"], "--vars")
    assert json.loads(text) == {"days": 7, "snapshot": 7}


def test_variables_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(RefusedError, match="YAML mapping"):
        sandbox_dbt.with_variables(["build", "--vars", "seven"], {})
