"""A definition is its files: the same files have the same fingerprint, and what comes back is what was frozen."""

import shutil
from pathlib import Path

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import LakehouseError
from lakehouse.releases.definition import PROJECT, fingerprint, freeze, project_files, thaw

LAYOUT = Layout("/lakehouse")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("target", "logs")))


def test_a_copy_has_the_same_fingerprint(project: Path) -> None:
    assert fingerprint(project) == fingerprint(PROJECT)


def test_any_change_of_a_model_changes_it(project: Path) -> None:
    before = fingerprint(project)
    model = project / "models" / "gold" / "merchant_sales.sql"
    model.write_text(model.read_text() + "\n")
    assert fingerprint(project) != before


def test_what_dbt_leaves_behind_does_not(project: Path) -> None:
    before = fingerprint(project)
    (project / "target").mkdir()
    (project / "target" / "manifest.json").write_text("{}")
    assert fingerprint(project) == before


def test_what_is_thawed_is_what_was_frozen(project: Path, tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "hdfs")
    frozen = freeze(files, LAYOUT, project)
    assert freeze(files, LAYOUT, project) == frozen
    thawed = thaw(files, LAYOUT, frozen, tmp_path)
    assert project_files(thawed) == project_files(project)


def test_an_altered_folder_is_made_again(project: Path, tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "hdfs")
    frozen = freeze(files, LAYOUT, project)
    thawed = thaw(files, LAYOUT, frozen, tmp_path)
    (thawed / "dbt_project.yml").write_text("name: other")
    assert fingerprint(thaw(files, LAYOUT, frozen, tmp_path)) == frozen.fingerprint


def test_a_damaged_archive_is_refused(project: Path, tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "hdfs")
    frozen = freeze(files, LAYOUT, project)
    path = LAYOUT.definition(frozen.fingerprint)
    files.write(path, files.read(path).replace(b"merchant_metrics", b"merchant_metricz"))
    with pytest.raises(LakehouseError, match="damaged"):
        thaw(files, LAYOUT, frozen, tmp_path)


def test_no_model_asks_for_the_clock_or_for_chance() -> None:
    forbidden = ("current_timestamp", "current_date", "current_time", "localtime", "now(", "random(", "rand(", "uuid(")
    for name, content in project_files(PROJECT).items():
        text = content.decode().lower()
        assert not [word for word in forbidden if word in text], name
