"""SQL through Trino: the one place that imports its client.

In: a statement. Out: rows as dicts of plain Python values (integers, Decimals, aware datetimes), or our own
errors: a statement that Trino refuses is :class:`SqlError` with its line and column, a server that does not
answer is :class:`NotReadyError`. With ``read_only`` a statement runs in a transaction in which Trino itself
refuses to write.
"""

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from trino import constants, dbapi, exceptions
from trino.transaction import Transaction

from lakehouse.contracts.tables import CATALOG
from lakehouse.errors import LakehouseError, NotReadyError, RefusedError
from lakehouse.settings import Settings

# It says on every connection that it will not keep an OAuth2 token; there is none.
logging.getLogger("trino.auth").setLevel(logging.WARNING)

_USER = "lakehouse"
ENDED_FROM_OUTSIDE = frozenset({"ADMINISTRATIVELY_KILLED", "ABANDONED_QUERY", "USER_CANCELED"})
"""Trino counts them among the errors of its users; nothing was wrong with the statement."""
_NOT_STARTED = {"SERVER_STARTING_UP", "SERVER_SHUTTING_DOWN", "NO_NODES_AVAILABLE"}

Row = dict[str, Any]


class SqlError(RefusedError):
    """Trino has refused the statement: ``name`` is its own word for why, such as ``TABLE_NOT_FOUND``."""

    def __init__(self, message: str, name: str, location: tuple[int, int] | None = None) -> None:
        where = f"line {location[0]}, column {location[1]}: " if location else ""
        super().__init__(f"{where}{message} ({name})")
        self.name = name
        self.location = location


class QueryFailedError(LakehouseError):
    """The statement was right, and Trino could not carry it out, or somebody has ended it."""


@dataclass(frozen=True)
class Column:
    """Name and Trino's type of a result's column, for example ``decimal(38,0)``."""

    name: str
    type: str


@dataclass(frozen=True)
class Result:
    """A whole result. ``query_id`` is also what the Delta log names as the writer."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    query_id: str

    def as_dicts(self) -> list[Row]:
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class Trino:
    """A door to one Trino server; each statement has a session of its own, so threads may share it."""

    def __init__(
        self, host: str, port: int, *, user: str = _USER, read_only: bool = False, timeout: float = 30.0
    ) -> None:
        self._address = (host, port)
        self._user = user
        self._read_only = read_only
        self._timeout = timeout

    @classmethod
    def of(cls, settings: Settings, *, user: str = _USER, read_only: bool = False) -> "Trino":
        return cls(*settings.trino_address, user=user, read_only=read_only)

    def query(self, sql: str) -> list[Row]:
        """The rows of one statement."""
        return self.execute(sql).as_dicts()

    def execute(self, sql: str) -> Result:
        """Runs one statement to its end and returns all that it has to say."""
        with self._translated(), self._connection() as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            rows = [tuple(row) for row in cursor.fetchall()]
            columns = tuple(Column(entry[0], entry[1]) for entry in cursor.description or ())
            return Result(columns, rows, cursor.query_id or "")

    def stream(self, sql: str) -> Generator[Row, None, None]:
        """The rows of one statement as Trino makes them: at no time are more than a page of them here.

        Trino ends a statement whose rows nobody takes for some minutes.
        """
        with self._translated(), self._connection() as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            try:
                names = [entry[0] for entry in cursor.description or ()]
                for row in cursor:
                    yield dict(zip(names, row, strict=True))
            finally:
                with suppress(exceptions.Error, requests.RequestException):
                    cursor.cancel()

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        host, port = self._address
        connection = dbapi.Connection(
            host=host,
            port=port,
            user=self._user,
            catalog=CATALOG,
            timezone="UTC",
            http_scheme=constants.HTTP,
            request_timeout=self._timeout,
        )
        try:
            if self._read_only:
                connection._transaction = _ReadOnlyTransaction(connection._create_request())
                connection._transaction.begin()
            yield connection
        finally:
            with suppress(exceptions.Error, requests.RequestException):
                if self._read_only:
                    connection.rollback()
            connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exceptions.TrinoQueryError as error:
            raise _translate(error) from error
        except (exceptions.Error, requests.RequestException) as error:
            host, port = self._address
            raise NotReadyError(
                f"Trino at {host}:{port} does not answer ({error}). Look at `lakehouse status`."
            ) from error


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def timestamp_text(instant: datetime) -> str:
    """An instant as a timestamp literal names it, to the millisecond, for example ``2026-11-23 10:00:00.000 UTC``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def timestamp_literal(instant: datetime) -> str:
    return f"TIMESTAMP '{timestamp_text(instant)}'"


class _ReadOnlyTransaction(Transaction):  # type: ignore[misc]  # the client is untyped
    """The client begins transactions, but no read-only ones: there Trino refuses writes, DDL and procedures."""

    _id: str

    def begin(self) -> None:
        response = self._request.post("START TRANSACTION READ ONLY")
        while True:
            self._id = response.headers.get(constants.HEADER_STARTED_TRANSACTION, self._id)
            status = self._request.process(response)
            if not status.next_uri:
                break
            response = self._request.get(status.next_uri)
        self._request.transaction_id = self._id


def _translate(error: exceptions.TrinoQueryError) -> LakehouseError:
    name = error.error_name or "UNKNOWN"
    if name in _NOT_STARTED:
        return NotReadyError(f"Trino is starting ({name}). Try again in some seconds.")
    if error.error_type == "USER_ERROR" and name not in ENDED_FROM_OUTSIDE:
        message = error.message
        location = error.error_location
        prefix = f"line {location[0]}:{location[1]}: " if location else ""
        return SqlError(message.removeprefix(prefix), name, location)
    return QueryFailedError(f"{error.message} ({name}, query {error.query_id}). See Trino's log for more.")
