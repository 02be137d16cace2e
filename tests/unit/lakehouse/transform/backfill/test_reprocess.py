"""Whoever waits for a rebuild sees how far it is, whoever carries it out."""

import threading
from pathlib import Path
from typing import Any

import pytest

from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.settings import Settings
from lakehouse.transform.backfill import reprocess
from lakehouse.transform.backfill.progress import Phase, Progress, ProgressFile
from lakehouse.transform.backfill.reprocess import build_or_wait
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.locks import building
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse


class Elsewhere(threading.Thread):
    """Builds version 1 under its lock, and says each word once the one before has been heard."""

    def __init__(self, builder: Builder) -> None:
        super().__init__()
        self.builder = builder
        self.has_begun, self.is_heard = threading.Event(), threading.Event()

    def run(self) -> None:
        progress = ProgressFile(self.builder.files, self.builder.layout, GoldVersionNumber(1))
        with building(self.builder.settings, GoldVersionNumber(1)):
            self.has_begun.set()
            for phase, rows in ((Phase.SLICES, 0), (Phase.SLICES, 50), (Phase.DONE, 100)):
                progress.say(phase, rows=rows, rows_total=100)
                assert self.is_heard.wait(20)
                self.is_heard.clear()


def test_who_waits_sees_how_far_another_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reprocess, "LOOK_EVERY", 0.01)
    warehouse = LoggedWarehouse(tmp_path / "hdfs")
    version = warehouse.version(CANDIDATE)
    builder = Builder(Settings(home=tmp_path / "home", warehouse=LAYOUT.root), warehouse.files)
    told: list[str] = []
    heard: list[Progress] = []
    other = Elsewhere(builder)

    def watch(progress: Progress) -> None:
        heard.append(progress)
        other.is_heard.set()

    other.start()
    assert other.has_begun.wait(20)
    build_or_wait(builder, version, told.append, watch)
    other.join(20)
    assert [(said.phase, said.rows, said.rows_total) for said in heard] == [
        (Phase.SLICES, 0, 100),
        (Phase.SLICES, 50, 100),
        (Phase.DONE, 100, 100),
    ]
    assert told == ["gold version 1 is being built by another process, which is waited for"]


class Trino:
    """Runs nothing."""

    def query(self, sql: str) -> list[dict[str, Any]]:
        return []


def test_who_builds_is_watched_too(tmp_path: Path) -> None:
    """A candidate that is behind the live line and finds nothing to build any more."""
    warehouse = LoggedWarehouse(tmp_path / "hdfs")
    live, candidate = warehouse.version(), warehouse.version(CANDIDATE)
    for version in (live, live, candidate):
        warehouse.snapshot(version)
    warehouse.promote(live)
    builder: Any = Builder(Settings(home=tmp_path / "home", warehouse=LAYOUT.root), warehouse.files)
    builder.trino = Trino()
    heard: list[Phase] = []
    build_or_wait(builder, candidate, lambda _: None, lambda progress: heard.append(progress.phase))
    assert heard == [Phase.CATCH_UP, Phase.DONE]
