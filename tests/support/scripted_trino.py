"""A Trino for the real dbt, which runs nothing: it keeps a catalogue, remembers what it was told, and fails when a test
wants it to."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import trino

Answer = tuple[list[str], list[list[Any]]]
"""Names of columns, and rows."""


def _no_answer(_: str) -> Answer | None:
    return None


@dataclass
class ScriptedTrino:
    """``tables`` are those of its catalogue: columns by (schema, name). ``script`` is asked first, and may raise."""

    tables: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    script: Callable[[str], Answer | None] = _no_answer
    told: list[str] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=count)

    def answer(self, sql: str) -> Answer:
        self.told.append(sql)
        return self.script(sql) or self._catalogue(sql) or (["rows"], [])

    def of_node(self, name: str) -> list[str]:
        """What a model or an audit has told it."""
        return [sql for sql in self.told if node_of(sql) == name]

    @property
    def nodes(self) -> set[str]:
        return {name for name in map(node_of, self.told) if name}

    def _catalogue(self, sql: str) -> Answer | None:
        schema, name = _named(sql, "schema"), _named(sql, "name")
        if ".tables t" in sql:
            found = [["lake", table, owner, "table"] for owner, table in self.tables if owner == schema]
            return ["database", "name", "schema", "table_type"], found
        if ".columns" in sql:
            return ["column_name", "data_type"], [[column, "varchar"] for column in self.tables[schema, name]]
        if "as failures" in sql:
            return ["failures", "should_warn", "should_error"], [[0, False, False]]
        return None


def install(monkeypatch: pytest.MonkeyPatch) -> ScriptedTrino:
    made = ScriptedTrino()
    monkeypatch.setattr(trino.dbapi, "connect", lambda **_: _Connection(made))
    return made


def node_of(sql: str) -> str:
    """The model or audit that a statement is of, by dbt's comment; '' for what dbt asks for itself."""
    match = re.search(r'"node_id": "\w+\.\w+\.(\w+)(?:\.\w+)?"', sql)
    return match[1] if match else ""


def _named(sql: str, what: str) -> str:
    match = re.search(rf"table_{what} = '(\w+)'", sql)
    return match[1] if match else ""


class _Cursor:
    update_type, rowcount = None, -1

    def __init__(self, server: ScriptedTrino) -> None:
        self._server = server
        self._answer: Answer = ([], [])
        self.query = self.query_id = ""

    def execute(self, sql: str, params: object = None) -> "_Cursor":
        self.query, self.query_id = sql, f"query_{next(self._server.ids)}"
        self._answer = self._server.answer(sql)
        return self

    def fetchall(self) -> list[list[Any]]:
        return self._answer[1]

    @property
    def description(self) -> list[tuple[Any, ...]]:
        return [(name, "varchar", None, None, None, None, None) for name in self._answer[0]]


class _Connection:
    def __init__(self, server: ScriptedTrino) -> None:
        self._server = server

    def cursor(self) -> _Cursor:
        return _Cursor(self._server)

    def close(self) -> None: ...
