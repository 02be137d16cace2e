"""``lakehouse sql "..."``: one query through Trino, for people and for scripts.

In: a query over the schemas ``gold``, ``silver``, ``bronze`` and ``ops``. Out: its rows as a JSON array of objects, a
table or CSV (RFC 4180). Exit 1 if the query is wrong, 2 if Trino is away. It runs in a read-only transaction, so Trino
itself refuses whatever would change something.
"""

import base64
import csv
import re
import sys
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer

from lakehouse.clients.trino import Result, SqlError, Trino
from lakehouse.errors import RefusedError
from lakehouse.settings import load_settings

app = typer.Typer(add_completion=False)
_WRITES = re.compile(
    r"\s*(alter|analyze|call|comment|create|delete|deny|drop|grant|insert|merge|refresh|reset|revoke|set|truncate|update)\b",
    re.IGNORECASE,
)
_SHOWS = re.compile(r"\s*(show|describe|desc)\b", re.IGNORECASE)
"""Only read, whatever Trino refuses them for: one may not see how a view was made."""
_encoder = msgspec.json.Encoder(decimal_format="number")


class Shape(StrEnum):
    """The value of ``--format``."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="The query; - reads it from stdin.")],
    output: Annotated[Shape, typer.Option("--format", help="table, json (array of objects) or csv.")] = Shape.TABLE,
) -> None:
    """Run a query over gold, silver, bronze and ops.

    Money is in minor units. Each view in gold has a column release; nothing can be written.

    Examples: lakehouse sql "SELECT * FROM gold.merchant_sales_hourly LIMIT 5";
    lakehouse sql --format json "SELECT count(*) AS events FROM silver.events"
    """
    text = sys.stdin.read() if query == "-" else query
    if not text.strip(" \t\r\n;"):
        raise RefusedError('the query is empty; for example: lakehouse sql "SELECT 1 AS one"')
    result = run(Trino.of(load_settings(), read_only=True), text.strip().removesuffix(";"))
    print(render(result, output), end="")


def run(trino: Trino, query: str) -> Result:
    """The result of a query; a refused write says what to use instead, whatever Trino finds wrong with it first."""
    try:
        return trino.execute(query)
    except SqlError as error:
        is_write = _WRITES.match(query) and error.name != "SYNTAX_ERROR"
        may_be_one = not _SHOWS.match(query) and error.name in ("READ_ONLY_VIOLATION", "PERMISSION_DENIED")
        if is_write or may_be_one:
            raise RefusedError("`lakehouse sql` only reads; the lakehouse's own jobs write its tables") from error
        raise


def render(result: Result, shape: Shape) -> str:
    """The text to print."""
    if shape is Shape.JSON:
        return json_text(result)
    rows = [[_cell(value) for value in row] for row in result.rows]
    names = [column.name for column in result.columns]
    return csv_text(names, rows) if shape is Shape.CSV else table_text(names, rows)


def json_text(result: Result) -> str:
    """One object a line, so that large answers can be read by line tools too."""
    names = [column.name for column in result.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RefusedError(
            f"more than one column is called {', '.join(twice)}, and an object has each name once; name them with AS, "
            "or use --format csv"
        )
    objects = [_encoder.encode({name: plain(value) for name, value in row.items()}) for row in result.as_dicts()]
    return "[" + ",\n ".join(one.decode() for one in objects) + "]\n"


def csv_text(names: list[str], rows: list[list[str]]) -> str:
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows(rows)
    return "".join(lines.written)


def table_text(names: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(name), *(len(row[i]) for row in rows), 0) for i, name in enumerate(names)]
    lines = [names, ["-" * width for width in widths], *rows]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded) + f"\n({len(rows)} rows)\n"


def plain(value: Any) -> Any:
    """A value of Trino as JSON can hold it exactly: a decimal without fraction digits is an integer."""
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value.as_tuple().exponent == 0 else value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        names = getattr(value, "_names", [])  # a ROW whose fields have names
        items = [plain(item) for item in value]
        return dict(zip(names, items, strict=True)) if names and all(names) else items
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _cell(value: Any) -> str:
    value = plain(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else _encoder.encode(value).decode()


class _Lines:
    """A file for the csv writer."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str) -> None:
        self.written.append(text)
