"""``bronze-to-raw``: what it prints, what it plans, and that it says so if bronze lacks some."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lakehouse.bronze_to_raw.filling import BronzeToRaw
from lakehouse.cli import bronze_to_raw
from lakehouse.clients.files import LocalFiles
from lakehouse.errors import RefusedError
from lakehouse.settings import Settings
from tests.unit.lakehouse.bronze_to_raw.test_filling import World


def run(monkeypatch: pytest.MonkeyPatch, world: World, *arguments: str) -> Result:
    monkeypatch.setattr(BronzeToRaw, "of", lambda settings, files: world.verb)
    monkeypatch.setattr(bronze_to_raw, "HdfsFiles", lambda url: world.files)
    return CliRunner().invoke(bronze_to_raw.app, list(arguments))


def test_it_says_how_many_are_filled_and_exits_with_1_if_bronze_lacks_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, gaps=list(range(3, 15)), raw={7}, bronze=list(range(12)))
    before = world.documents()
    planned = run(monkeypatch, world, "--dry-run", "--format", "json")
    assert (planned.exit_code, world.documents()) == (1, before)
    assert json.loads(planned.stdout)["in_bronze"] == 8
    done = run(monkeypatch, world, "--format", "json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["filled"], found["raw_gaps"]) == (1, 8, 12)
    assert [(one["first"], one["last"]) for one in found["missing"]] == [(12, 14)]
    again = run(monkeypatch, world)
    assert again.exit_code == 1
    assert "0 events are in 0 new raw files" in again.stdout
    assert "/12-14, accepted in" in again.stdout


def test_it_exits_with_0_once_all_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, gaps=[1, 2], raw=set(), bronze=[0, 1, 2])
    assert run(monkeypatch, world).exit_code == 0
    assert run(monkeypatch, world, "--dry-run").exit_code == 0


def test_before_the_first_release_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="nothing has been released"):
        BronzeToRaw.of(Settings(home=tmp_path), LocalFiles(tmp_path))
