"""The notebooks run from top to bottom on the real stack, and draw what they promise."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.stack

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def read(path: Path) -> Any:
    return nbformat.reads(path.read_text(), as_version=4)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_draws(path: Path, stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    notebook = read(path)
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    drawn = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert drawn, "no figure was drawn"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path: Path) -> None:
    notebook = read(path)
    assert not [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
