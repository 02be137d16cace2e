"""The groups that Trino is given, read as Trino reads them: the first selector that fits decides."""

import re
from typing import Any

import pytest

from compose.local import trino_groups
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.tables import TRANSFORM_USER, reprocess_user
from lakehouse.stack_health import QUERY_SOURCE

FILE: dict[str, Any] = trino_groups.groups()


def tree(groups: list[dict[str, Any]], above: str = "") -> dict[str, dict[str, Any]]:
    """Each group by its whole name."""
    found: dict[str, dict[str, Any]] = {}
    for group in groups:
        name = f"{above}{group['name']}"
        found |= {name: group} | tree(group.get("subGroups", []), f"{name}.")
    return found


GROUPS = tree(FILE["rootGroups"])


def group_of(user: str, source: str = "") -> str:
    for selector in FILE["selectors"]:
        if re.fullmatch(selector.get("user", ".*"), user) and re.fullmatch(selector.get("source", ".*"), source):
            return str(selector["group"])
    raise AssertionError("no selector fits, and Trino would refuse the query")


@pytest.mark.parametrize(
    ("user", "source", "group"),
    [
        (TRANSFORM_USER, "lakehouse-transform", "lakehouse.transform"),
        (reprocess_user(GoldVersionNumber(12)), "dbt", "lakehouse.reprocess"),
        ("lakehouse", QUERY_SOURCE, "lakehouse.status"),
        ("lakehouse", "", "lakehouse.analysts.${USER}"),
        ("reprocess-vault", "", "lakehouse.analysts.${USER}"),
    ],
)
def test_whose_query_belongs_where(user: str, source: str, group: str) -> None:
    assert group_of(user, source) == group


def test_every_selector_names_a_group_that_takes_queries() -> None:
    for selector in FILE["selectors"]:
        assert "subGroups" not in GROUPS[selector["group"]]


def test_a_rebuild_gives_way() -> None:
    rebuild, transform = GROUPS["lakehouse.reprocess"], GROUPS["lakehouse.transform"]
    siblings = [group for name, group in GROUPS.items() if name.count(".") == 1]
    assert rebuild["schedulingWeight"] == min(group["schedulingWeight"] for group in siblings)
    assert rebuild["schedulingWeight"] < transform["schedulingWeight"]
    assert rebuild["hardConcurrencyLimit"] < transform["hardConcurrencyLimit"]


def test_all_groups_full_leave_the_transform_its_places() -> None:
    """The root never holds the transform up: its limit is above all of theirs together."""
    children = [group for name, group in GROUPS.items() if name.count(".") == 1]
    assert GROUPS["lakehouse"]["hardConcurrencyLimit"] >= sum(group["hardConcurrencyLimit"] for group in children)


def test_groups_have_weights_where_their_parent_goes_by_weights() -> None:
    """Otherwise Trino does not start."""
    for group in GROUPS.values():
        weighted = {"schedulingWeight" in child for child in group.get("subGroups", [])}
        assert weighted <= {group.get("schedulingPolicy") == "weighted_fair"}
