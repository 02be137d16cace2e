"""Queries of a former builder are ended; one that has come to its end by itself is no trouble."""

from typing import Any

import pytest

from lakehouse.clients.trino import SqlError, Trino
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.transform.orphaned_queries import end_queries


class Server(Trino):
    """Lists two queries of version 3, and answers each attempt to kill the first of them with a refusal."""

    def __init__(self, refusal: str) -> None:
        self.refusal = refusal
        self.killed: list[str] = []

    def query(self, sql: str) -> list[dict[str, Any]]:
        if sql.startswith("SELECT"):
            assert "'reprocess-v3'" in sql
            return [{"query_id": "q1"}, {"query_id": "q2"}]
        name = sql.partition("query_id => '")[2].partition("'")[0]
        if name == "q1":
            raise SqlError("Target query is not running", self.refusal)
        self.killed.append(name)
        return []


@pytest.mark.parametrize("refusal", ["NOT_SUPPORTED", "NOT_FOUND"])
def test_a_query_that_has_ended_meanwhile_needs_no_ending(refusal: str) -> None:
    server = Server(refusal)
    end_queries(server, GoldVersionNumber(3))
    assert server.killed == ["q2"]


def test_any_other_refusal_is_told() -> None:
    with pytest.raises(SqlError, match="ACCESS_DENIED"):
        end_queries(Server("ACCESS_DENIED"), GoldVersionNumber(3))
