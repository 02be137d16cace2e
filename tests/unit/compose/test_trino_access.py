"""The rules that Trino is given, read as Trino reads them: in each list the first that fits decides."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compose.local import trino_access
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.tables import (
    CATALOG,
    READER_SCHEMAS,
    SANDBOXES,
    TRANSFORM_USER,
    WRITERS,
    physical_schema,
    reprocess_user,
    sandbox_schema,
)
from lakehouse.transform import definition

RULES: dict[str, Any] = trino_access.rules()
CHANGES = {"INSERT", "DELETE", "UPDATE", "OWNERSHIP"}

users = st.from_regex(r"[a-z0-9._@-]{1,20}", fullmatch=True)
writers = st.just(TRANSFORM_USER) | st.integers(1, 10_000).map(GoldVersionNumber).map(reprocess_user)
others = users.filter(lambda user: user != TRANSFORM_USER and not user.startswith("reprocess-v"))
production = st.sampled_from(READER_SCHEMAS) | st.builds(
    physical_schema, st.sampled_from(["silver", "gold"]), st.just(3)
)


def test_who_runs_dbt_by_hand_is_nobody_who_writes() -> None:
    profile = (definition.PROJECT / "profiles.yml").read_text()
    (user,) = re.findall(r"env_var\('LAKEHOUSE_TRINO_USER', '([^']*)'\)", profile)
    assert not re.fullmatch(WRITERS, user)


def first(rules: str, **asked: str) -> dict[str, Any]:
    """The rule that decides; none is a refusal."""
    fields = ("user", "catalog", "schema")
    return next(
        (
            rule
            for rule in RULES[rules]
            if all(re.fullmatch(rule.get(field, ".*"), asked.get(field, "")) for field in fields)
        ),
        {},
    )


def may_change(user: str, schema: str) -> bool:
    """In tables (``True`` only if all of it is allowed; part of it is a fault)."""
    if first("catalogs", user=user, catalog=CATALOG)["allow"] != "all":
        return False
    allowed = CHANGES & set(first("tables", user=user, catalog=CATALOG, schema=schema)["privileges"])
    assert allowed in (set(), CHANGES)
    assert first("schemas", user=user, catalog=CATALOG, schema=schema)["owner"] == bool(allowed)
    return bool(allowed)


@given(others, production)
def test_who_is_no_writer_changes_nothing_of_production(user: str, schema: str) -> None:
    assert not may_change(user, schema)


@given(others, users)
def test_anybody_may_try_things_in_sandboxes(user: str, owner: str) -> None:
    assert may_change(user, sandbox_schema(owner))


@given(writers, production)
def test_the_transform_and_its_rebuilds_write(user: str, schema: str) -> None:
    assert may_change(user, schema)


@given(writers | others, production | users.map(sandbox_schema))
def test_everybody_reads_and_may_show_what_he_reads_in_a_view(user: str, schema: str) -> None:
    privileges = first("tables", user=user, catalog=CATALOG, schema=schema)["privileges"]
    assert {"SELECT", "GRANT_SELECT"} <= set(privileges)


@given(others)
def test_who_is_no_writer_registers_and_vacuums_no_table_and_ends_no_query_of_others(user: str) -> None:
    assert not first("procedures", user=user, catalog=CATALOG, schema="system")
    assert "kill" not in first("queries", user=user)["allow"]


@given(production)
def test_no_schema_of_production_is_a_sandbox(schema: str) -> None:
    assert not re.fullmatch(SANDBOXES, schema)
