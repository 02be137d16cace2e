"""A definition is its files: the same files have the same fingerprint, and what comes back is what was frozen."""

import shutil
from pathlib import Path

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import LakehouseError, RefusedError
from lakehouse.transform.definition import PROJECT, fingerprint, freeze, project_files, thaw

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


@pytest.mark.parametrize("absent", ["dbt_project.yml", "profiles.yml", "models"])
def test_a_folder_that_is_no_project_is_refused(project: Path, tmp_path: Path, absent: str) -> None:
    files = LocalFiles(tmp_path / "hdfs")
    (project / absent).rename(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match=r"has no .*\.(yml|sql)"):
        freeze(files, LAYOUT, project)
    with pytest.raises(RefusedError, match=r"has no dbt_project\.yml"):
        freeze(files, LAYOUT, tmp_path / "nowhere")
    assert files.list("/") == []


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


ASKING = [
    *("current_timestamp", "CURRENT_DATE", "current_time", "localtime", "localtimestamp", "now()", "Random ()"),
    *("rand()", "uuid()", "shuffle(a)", "{{ run_started_at }}", "{{ modules.datetime.datetime.now() }}"),
]


@pytest.mark.parametrize("word", ASKING)
@pytest.mark.parametrize("folder", ["models/gold", "macros"])
def test_a_model_that_asks_for_the_clock_or_for_chance_is_refused(
    project: Path, tmp_path: Path, folder: str, word: str
) -> None:
    (project / folder / "another.sql").write_text(f"select a, {word} as b from t")
    files = LocalFiles(tmp_path / "hdfs")
    with pytest.raises(RefusedError, match=f"^{folder}/another.sql asks for the clock"):
        freeze(files, LAYOUT, project)
    assert not files.list(LAYOUT.staging)


@pytest.mark.parametrize("text", ["known(a)", "-- now()\n1", "{# random() #} 1", "/* uuid()\n */ 1", "brand", "a_now"])
def test_what_only_looks_like_it_is_not(project: Path, tmp_path: Path, text: str) -> None:
    (project / "models" / "gold" / "another.sql").write_text(f"select {text} from t")
    freeze(LocalFiles(tmp_path / "hdfs"), LAYOUT, project)
