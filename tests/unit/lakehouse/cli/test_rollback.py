"""``rollback`` says how stale what it shows is: in a sentence on stderr, and as a number in JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lakehouse.cli import rollback
from lakehouse.clients import insights
from lakehouse.transform import catalog
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse

HOUR = 3_600_000_000
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Version 1 was promoted away by version 2, and fed until hour 10; readers see hours until ``live``."""
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKEHOUSE_WAREHOUSE", LAYOUT.root)
    warehouse = LoggedWarehouse(tmp_path / "hdfs")
    monkeypatch.setattr(rollback, "HdfsFiles", lambda _: warehouse.files)
    monkeypatch.setattr(catalog, "show_current", lambda *_: None)  # Trino's views
    monkeypatch.setattr(insights, "await_shown", lambda *_: True)

    def invoke(former: int | None, live: int | None, *arguments: str) -> Result:
        one, two = warehouse.version(), warehouse.version(CANDIDATE)
        warehouse.cycle(one)
        warehouse.snapshot(two, complete_through=live and live * HOUR)
        warehouse.snapshot(one, complete_through=former and former * HOUR)
        warehouse.promote(two)
        done = CliRunner().invoke(rollback.app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0
        return done

    return invoke


def test_what_is_behind_is_said(run: Run) -> None:
    done = run(10, 34, "--format", "json")
    document = json.loads(done.stdout)
    assert (document["release"], document["gold_version"], document["seconds_behind"]) == (3, 1, 86_400)
    assert done.stderr == "Gold version 1 is 24.0 hours behind; the next cycles bring it up to date.\n"


def test_nothing_is_said_of_what_is_fresh(run: Run) -> None:
    done = run(10, 10, "--format", "json")
    assert json.loads(done.stdout)["seconds_behind"] == 0
    assert done.stderr == ""


def test_what_is_complete_through_no_hour_is_behind_nobody_knows_how_far(run: Run) -> None:
    done = run(None, 10, "--format", "json")
    assert json.loads(done.stdout)["seconds_behind"] is None
    assert "complete through no hour yet" in done.stderr


def test_nothing_is_behind_what_was_complete_through_no_hour(run: Run) -> None:
    done = run(10, None)
    assert done.stdout == "Release 3 shows gold version 1.\n"
    assert done.stderr == ""
