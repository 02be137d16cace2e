"""How values are written in SQL, and what Trino says of a statement that has failed, as one of our errors."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

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


class _Cursor:
    """Answers with rows for ever, or until it fails."""

    description = (("n",), ("text",))

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at, self.given, self.cancelled = fails_at, 0, 0

    def execute(self, sql: str) -> None: ...

    def cancel(self) -> None:
        self.cancelled += 1

    def __iter__(self) -> Iterator[list[Any]]:
        while self.given != self.fails_at:
            self.given += 1
            yield [self.given, "a"]
        raise TrinoQueryError({"errorName": "ABANDONED_QUERY", "errorType": "USER_ERROR", "message": "late"}, "q")


def test_rows_are_taken_as_they_come_and_a_statement_that_nobody_reads_on_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cursor = _Cursor()
    monkeypatch.setattr(dbapi.Connection, "cursor", lambda _: cursor)
    rows = Trino("localhost", 1).stream("SELECT 1")
    assert cursor.given == 0
    assert next(rows) == {"n": 1, "text": "a"}
    assert (cursor.given, cursor.cancelled) == (1, 0)
    rows.close()
    assert cursor.cancelled == 1


def test_a_statement_that_fails_among_its_rows_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbapi.Connection, "cursor", lambda _: _Cursor(2))
    rows = Trino("localhost", 1).stream("SELECT 1")
    assert [next(rows)["n"], next(rows)["n"]] == [1, 2]
    with pytest.raises(QueryFailedError, match="late"):
        next(rows)


def test_instants_are_written_to_the_millisecond() -> None:
    instant = datetime(2026, 11, 23, 9, 5, 7, 41_999, UTC)
    assert timestamp_literal(instant) == "TIMESTAMP '2026-11-23 09:05:07.041 UTC'"
