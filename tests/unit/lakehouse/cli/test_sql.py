"""Results as JSON, CSV and a table: exact, and readable by programs."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.cli.sql import Shape, plain, render, run
from lakehouse.clients.trino import Column, Result, SqlError
from lakehouse.errors import RefusedError


def result(names: list[str], *rows: tuple[Any, ...]) -> Result:
    return Result(tuple(Column(name, "varchar") for name in names), list(rows), "q")


def as_json(value: Any) -> Any:
    (row,) = json.loads(render(result(["x"], (value,)), Shape.JSON), parse_float=Decimal)
    return row["x"]


@given(st.integers(-(10**37), 10**37))
def test_a_decimal_without_fraction_is_an_integer(number: int) -> None:
    found = as_json(Decimal(number))
    assert isinstance(found, int)
    assert found == number


def test_values_keep_their_meaning() -> None:
    at = datetime(2026, 11, 23, 10, 30, 0, 5, tzinfo=UTC)
    assert as_json(Decimal("0.500000")) == Decimal("0.5")
    assert as_json(at) == "2026-11-23T10:30:00.000005+00:00"
    assert as_json(date(2026, 11, 23)) == "2026-11-23"
    assert as_json(None) is None
    assert as_json(b"\x00\xff") == "AP8="
    assert plain({"a": [Decimal(1), None]}) == {"a": [1, None]}


def test_two_columns_of_one_name_are_refused_as_json() -> None:
    twice = Result((Column("a", "integer"), Column("b", "integer"), Column("a", "integer")), [(1, 2, 3)], "q")
    with pytest.raises(RefusedError, match="called a, and"):
        render(twice, Shape.JSON)


def test_no_rows_is_an_empty_array() -> None:
    assert json.loads(render(result(["a"]), Shape.JSON)) == []


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)


@given(st.lists(st.tuples(texts, texts), max_size=5))
def test_csv_reads_back(rows: list[tuple[str, str]]) -> None:
    text = render(result(["a", "b"], *rows), Shape.CSV)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], *map(list, rows)]


def test_a_table_shows_names_values_and_their_number() -> None:
    text = render(result(["name", "n"], ("shop", 12), (None, 3)), Shape.TABLE)
    assert text.splitlines() == ["name  n", "----  --", "shop  12", "      3", "(2 rows)"]


class Refusing:
    """A Trino that finds fault with every statement."""

    def __init__(self, name: str) -> None:
        self._error = SqlError("a message", name)

    def execute(self, sql: str) -> Result:
        raise self._error


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("DELETE FROM silver.events", "NOT_SUPPORTED"),
        ("\n call system.runtime.kill_query()", "NOT_SUPPORTED"),
        ("set session authorization admin", "GENERIC_USER_ERROR"),
        ("WITH t AS (SELECT 1) SELECT * FROM t", "READ_ONLY_VIOLATION"),
    ],
)
def test_a_write_is_refused_as_such_whatever_is_wrong_with_it_first(statement: str, name: str) -> None:
    with pytest.raises(RefusedError, match="`lakehouse sql` only reads"):
        run(Refusing(name), statement)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("delete silver", "SYNTAX_ERROR"),
        ("SELECT a", "COLUMN_NOT_FOUND"),
        ("SHOW CREATE VIEW gold.merchant_sales", "PERMISSION_DENIED"),
        ("describe gold.nothing", "READ_ONLY_VIOLATION"),
    ],
)
def test_what_is_wrong_with_a_query_is_told(statement: str, name: str) -> None:
    with pytest.raises(SqlError, match=name):
        run(Refusing(name), statement)  # type: ignore[arg-type]
