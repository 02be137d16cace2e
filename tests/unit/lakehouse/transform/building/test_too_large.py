"""A build that does not fit into Trino's memory is tried again with fewer rows. Local files; Trino is a fake here."""

from pathlib import Path

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import BronzeCursor, Definition, GoldVersion
from lakehouse.settings import Settings, TransformSettings
from lakehouse.transform import definition
from lakehouse.transform.building.build import Build, BuildFailedError
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.building.table_states import Tables
from tests.support.bronze_rows import START, chunks, random_rows, write

COMMITS = 16


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    settings = Settings(home=tmp_path / "home", warehouse="/w", transform=TransformSettings(max_rows_per_cycle=256))
    write(
        f"{tmp_path}{Layout('/w').bronze(FIRST_GENERATION)}",
        list(chunks(random_rows(seed=1, count=160), COMMITS)),
        START,
    )
    monkeypatch.setattr(definition, "thaw", lambda *_: tmp_path)
    monkeypatch.setattr(Builder, "prepare", lambda *_: None)
    for name in ("found", "without_leftovers"):
        monkeypatch.setattr(Tables, name, lambda *_: {})
    return Builder(settings, LocalFiles(tmp_path))


def holding(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """A Trino that holds so many commits; returns the list of what was built."""
    built: list[int] = []

    def run(_: Settings, __: Path, plan: Build) -> list[str]:
        commits = plan.to_version - plan.from_version
        if commits > most:
            raise BuildFailedError("EXCEEDED_LOCAL_MEMORY_LIMIT", is_too_large=True)
        built.append(commits)
        return []

    monkeypatch.setattr("lakehouse.transform.building.builder.run", run)
    return built


def consume_all(builder: Builder, version: GoldVersion) -> int:
    """As the service does: what failed is tried again in the next turn. Returns how often it failed."""
    failures = 0
    while True:
        last = builder.versions.latest_snapshot(version.version)
        found = builder.new_commits(version.version, last.bronze if last else BronzeCursor(FIRST_GENERATION, -1))
        if found is None:
            return failures
        try:
            builder.consume(version, last, found, lambda _: None)
        except BuildFailedError:
            failures += 1


@pytest.mark.parametrize("most", [1, 3, COMMITS + 1])
def test_a_backlog_is_built_in_parts_that_fit(builder: Builder, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    built = holding(monkeypatch, most)
    version = builder.versions.create(Definition("f" * 64))
    rows = builder.settings.transform.max_rows_per_cycle
    failures = consume_all(builder, version)
    assert sum(built) == COMMITS
    assert max(built) <= most
    assert (failures > 0) == (most <= COMMITS)
    assert builder.fitting(rows) == rows // 2**failures


def test_what_one_commit_does_not_fit_into_stays_a_failure(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    holding(monkeypatch, 0)
    version = builder.versions.create(Definition("f" * 64))
    found = builder.new_commits(GoldVersionNumber(1), BronzeCursor(FIRST_GENERATION, -1))
    assert found is not None
    attempts = 0
    while builder.can_shrink:
        attempts += 1
        with pytest.raises(BuildFailedError):
            builder.consume(version, None, found, lambda _: None)
    assert attempts < 20
    assert builder.fitting(1) == 1
