"""``python -m lakehouse.contracts.render``: the parts of the dbt project that the contracts spell already.

In: columns and metrics of the contracts. Out: the lists of columns in the YAML files of ``dbt_project/models``, between
:data:`BEGIN` and :data:`END`, and ``gold/metrics.md``. Promise: what is rendered is committed, and
``tests/unit/lakehouse/contracts/test_render.py`` fails where it is stale.

A column's description is a docs block of the models' ``.md`` files: ``<model>__<column>`` where there is one, else
``<column>``.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from lakehouse.contracts.columns import EVENT_COLUMNS, GOLD_COLUMNS, SILVER_COLUMNS
from lakehouse.contracts.metrics import DEFINITIONS, METRICS
from lakehouse.contracts.tables import BRONZE_COLUMNS, GOLD_MEASURES, MONEY_MEASURES, QUARANTINE_COLUMNS

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models"
BEGIN = "# Rendered by `python -m lakehouse.contracts.render`:"
END = "# End of the rendered columns."

_COLUMNS: dict[tuple[str, str], tuple[str, ...]] = {
    ("bronze", "events"): tuple(BRONZE_COLUMNS),
    ("bronze", "quarantine"): tuple(QUARANTINE_COLUMNS),
    ("bronze", "arrivals"): EVENT_COLUMNS,
    ("silver", "int_ranked_copies"): (
        *EVENT_COLUMNS,
        *("origin", "former_verdict", "former_detail", "place", "same_content", "first_position"),
    ),
    **{("silver", name): columns for name, columns in SILVER_COLUMNS.items()},
    **{("gold", name): columns for name, columns in GOLD_COLUMNS.items()},
}
"""By layer and table."""
_SPARK_TO_TRINO = {
    "string": "varchar",
    "int": "integer",
    "timestamp": "timestamp(3) with time zone",
    "binary": "varbinary",
}
_NAME = re.compile(r"\s*- name: (\w+)")
_BLOCK = re.compile(r"{% docs (\w+) %}")


def rendered() -> dict[Path, str]:
    """The text that each file should have."""
    metrics = MODELS / "gold" / "metrics.md"
    texts = {metrics: _metrics()}
    known = set(_BLOCK.findall(texts[metrics]))
    for document in MODELS.rglob("*.md"):
        if document != metrics:
            known.update(_BLOCK.findall(document.read_text()))
    for file in sorted(MODELS.rglob("*.yml")):
        texts[file] = "\n".join(_with_columns(file, known)) + "\n"
    return texts


def stale() -> list[Path]:
    """The files that would change."""
    return [file for file, text in rendered().items() if not file.exists() or file.read_text() != text]


def main() -> None:
    for file, text in rendered().items():
        file.write_text(text)


def _with_columns(file: Path, known: set[str]) -> Iterator[str]:
    table, is_inside = "", False
    for line in file.read_text().splitlines():
        if (named := _NAME.match(line)) and not is_inside:
            table = named[1]
        is_inside = is_inside and line.strip() != END
        if not is_inside:
            yield line
        if line.strip() == BEGIN:
            is_inside = True
            indent = line[: line.index("#")]
            yield from (indent + column for column in _columns(file.parent.name, table, known))


def _columns(layer: str, table: str, known: set[str]) -> Iterator[str]:
    for column in _COLUMNS[layer, table]:
        block = next((name for name in (f"{table}__{column}", column) if name in known), None)
        if block is None:
            raise ValueError(f"{layer}.{table}.{column} has no docs block: write one in a .md file of {MODELS}")
        kind = _type(layer, table, column)
        yield (
            "- {name: "
            + column
            + (f", data_type: {kind}" if kind else "")
            + f", description: \"{{{{ doc('{block}') }}}}\"}}"
        )


def _type(layer: str, table: str, column: str) -> str | None:
    """Trino's, where a contract says it."""
    if layer == "bronze" and table != "arrivals":
        spark = (BRONZE_COLUMNS if table == "events" else QUARANTINE_COLUMNS)[column]
        return _SPARK_TO_TRINO.get(spark, spark)
    if layer == "gold" and column in GOLD_MEASURES[table]:
        return '"decimal(38, 0)"' if column in MONEY_MEASURES else "bigint"
    return None


def _metrics() -> str:
    """A docs block for each measure, and one that lists the metric catalogue."""
    blocks = [_block(name, _sentence(name)) for name in DEFINITIONS]
    rows = [f"| `{metric.name}` | {metric.unit} | {metric.formula} |" for metric in METRICS.values()]
    catalogue = "\n".join(["| metric | unit | formula |", "|---|---|---|", *rows])
    head = "<!-- Rendered by `python -m lakehouse.contracts.render` from the metric catalogue. -->\n"
    return "\n".join([head, *blocks, _block("metric_catalogue", catalogue)])


def _sentence(measure: str) -> str:
    text = DEFINITIONS[measure]
    return f"{text[0].upper()}{text[1:]}.{' Minor units.' if measure in MONEY_MEASURES else ''}"


def _block(name: str, text: str) -> str:
    return f"{{% docs {name} %}}\n{text}\n{{% enddocs %}}\n"


if __name__ == "__main__":
    main()
