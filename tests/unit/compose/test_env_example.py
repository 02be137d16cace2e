"""``.env.example`` is complete, and each value in it is the default."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from lakehouse.settings import Settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"


def variables(model: type[BaseModel], prefix: str = "LAKEHOUSE_") -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from variables(section, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def example() -> dict[str, str]:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_names_every_setting_and_no_other() -> None:
    assert sorted(example()) == sorted(variables(Settings))


def test_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables(Settings):
        monkeypatch.delenv(name, raising=False)
    defaults = Settings()
    for name, value in example().items():
        monkeypatch.setenv(name, value)
    assert Settings() == defaults
