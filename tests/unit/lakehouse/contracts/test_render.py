"""What the dbt project has from the contracts is fresh, and a dbt user finds every column and reader described."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lakehouse.contracts import render
from lakehouse.contracts.columns import EVENT_COLUMNS
from lakehouse.contracts.tables import BRONZE_COLUMNS

NOTEBOOKS = render.MODELS.parents[1] / "notebooks"
BLOCK = re.compile(r"{% docs (\w+) %}\s*(\S.*?)\s*{% enddocs %}", re.DOTALL)


def documents(key: str) -> list[dict[str, Any]]:
    """What the YAML files of the project have under a key: ``models``, ``sources``, ``exposures``."""
    files = sorted(render.MODELS.rglob("*.yml"))
    return [found for file in files for found in msgspec.yaml.decode(file.read_bytes()).get(key, ())]


def tables() -> list[dict[str, Any]]:
    return documents("models") + [table for source in documents("sources") for table in source["tables"]]


def test_what_is_rendered_from_the_contracts_is_fresh() -> None:
    stale = [str(file.relative_to(render.MODELS)) for file in render.stale()]
    assert not stale, f"run `python -m lakehouse.contracts.render` and commit what it changes: {stale}"


def test_every_model_has_its_description_and_every_column_too() -> None:
    blocks = {name for file in render.MODELS.rglob("*.md") for name, _ in BLOCK.findall(file.read_text())}
    assert {table["name"] for table in tables()} >= {file.stem for file in render.MODELS.rglob("*.sql")}
    for table in tables():
        assert table["description"], table["name"]
        assert table["columns"], table["name"]
        for column in table["columns"]:
            [block] = re.findall(r"^{{ doc\('(\w+)'\) }}$", column["description"])
            assert block in blocks, (table["name"], column)


def test_every_docs_block_is_of_some_use() -> None:
    blocks = [name for file in render.MODELS.rglob("*.md") for name, _ in BLOCK.findall(file.read_text())]
    assert len(set(blocks)) == len(blocks)
    used = set(re.findall(r"doc\('(\w+)'\)", "".join(file.read_text() for file in render.MODELS.rglob("*.yml"))))
    assert set(blocks) == used


def test_the_models_take_the_events_columns_in_the_contracts_order() -> None:
    macro = (render.MODELS.parent / "macros" / "event_columns.sql").read_text()
    listed = re.search(r"set columns = \[(.*?)\]", macro, re.DOTALL)
    assert listed is not None
    assert tuple(re.findall(r"'(\w+)'", listed[1])) == EVENT_COLUMNS
    assert set(EVENT_COLUMNS) - {"event_month", "event_date"} <= set(BRONZE_COLUMNS)


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_is_an_exposure(notebook: Path) -> None:
    found = {each["name"]: each for each in documents("exposures")}
    assert found[notebook.stem]["type"] == "notebook"
    assert f"notebooks/{notebook.name}" in found[notebook.stem]["description"]
