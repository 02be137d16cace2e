"""Whose queries run and whose wait: Trino's resource groups.

Out: the file of the resource group manager. Keeps the live line fresh while history is rebuilt: the transform's queries
are never held up by anybody's; a rebuild runs few at a time, and starts another only while its share of memory lasts;
analysts and sandboxes are many, each with a few queries, and wait their turn instead of being refused.

Groups decide what may start. Among running queries Trino itself prefers those that have used the least time so far,
which is why a short one finishes beside a long one.
"""

from lakehouse.contracts.tables import REPROCESS_USERS, TRANSFORM_USER
from lakehouse.stack_health import QUERY_SOURCE

ROOT = "lakehouse"


def groups() -> dict[str, object]:
    """The tree of groups, and for each query the first selector that fits it."""
    each_user = _group("${USER}", memory=40, running=4, waiting=500)
    return {
        "rootGroups": [
            {
                **_group(ROOT, memory=100, running=60, waiting=5_000),
                "schedulingPolicy": "weighted_fair",
                "subGroups": [
                    {**_group("transform", memory=100, running=20, waiting=1_000), "schedulingWeight": 100},
                    {**_group("status", memory=100, running=10, waiting=100), "schedulingWeight": 100},
                    {
                        **_group("analysts", memory=60, running=12, waiting=2_000),
                        "schedulingWeight": 10,
                        "subGroups": [each_user],
                    },
                    {**_group("reprocess", memory=30, running=2, waiting=1_000), "schedulingWeight": 1},
                ],
            }
        ],
        "selectors": [
            {"user": TRANSFORM_USER, "group": f"{ROOT}.transform"},
            {"user": REPROCESS_USERS, "group": f"{ROOT}.reprocess"},
            {"source": QUERY_SOURCE, "group": f"{ROOT}.status"},
            {"group": f"{ROOT}.analysts.${{USER}}"},
        ],
    }


def _group(name: str, *, memory: int, running: int, waiting: int) -> dict[str, object]:
    """``memory`` in percent of the server's: above it no further query of the group starts."""
    return {
        "name": name,
        "softMemoryLimit": f"{memory}%",
        "hardConcurrencyLimit": running,
        "maxQueued": waiting,
    }
