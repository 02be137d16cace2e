"""How values are written in SQL, and what Trino says of a statement that has failed, as one of our errors."""

from datetime import UTC, datetime

import pytest
from trino import dbapi
from trino.exceptions import TrinoQueryError

from lakehouse.clients.trino import QueryFailedError, SqlError, Trino, timestamp_literal
from lakehouse.errors import LakehouseError, NotReadyError


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("COLUMN_NOT_FOUND", "USER_ERROR", SqlError),
        ("ADMINISTRATIVELY_KILLED", "USER_ERROR", QueryFailedError),
        ("ABANDONED_QUERY", "USER_ERROR", QueryFailedError),
        ("USER_CANCELED", "USER_ERROR", QueryFailedError),
        ("EXCEEDED_LOCAL_MEMORY_LIMIT", "INSUFFICIENT_RESOURCES", QueryFailedError),
        ("GENERIC_INTERNAL_ERROR", "INTERNAL_ERROR", QueryFailedError),
        ("SERVER_STARTING_UP", "INTERNAL_ERROR", NotReadyError),
    ],
)
def test_only_a_wrong_statement_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: str, error: type[LakehouseError]
) -> None:
    """Who ends a query says nothing of its statement: it may be tried again."""

    def refuse(_: dbapi.Connection) -> None:
        raise TrinoQueryError({"errorName": name, "errorType": kind, "message": "a message"}, "20261127_1")

    monkeypatch.setattr(dbapi.Connection, "cursor", refuse)
    with pytest.raises(error, match=name) as raised:
        Trino("localhost", 1).query("SELECT 1")
    assert type(raised.value) is error


def test_instants_are_written_to_the_millisecond() -> None:
    instant = datetime(2026, 11, 23, 9, 5, 7, 41_999, UTC)
    assert timestamp_literal(instant) == "TIMESTAMP '2026-11-23 09:05:07.041 UTC'"
