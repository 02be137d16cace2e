"""The rooms of the API: HTTP on top, series below it, and what is served at the bottom; nobody imports upwards."""

from pathlib import Path

import pytest

from tests.unit.test_walls import ROOT, imported

ABOVE = {"serving": ("api.http", "api.series", "api.app"), "series": ("api.http", "api.app")}
MODULES = sorted(path.relative_to(ROOT) for room in ABOVE for path in (ROOT / "api" / room).rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_room_imports_one_above_it(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith(ABOVE[path.parts[1]])], path
