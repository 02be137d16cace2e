"""``release list`` shows the log newest first, with the fields of the contract."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from lakehouse.cli import release
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Definition, GoldVersion, Release, new_nonce
from lakehouse.releases.rebuilding.progress import Phase, ProgressFile
from lakehouse.releases.versions import Versions
from tests import release_documents
from tests.release_documents import snapshot

LAYOUT = Layout("/w")


def made(number: int) -> Release:
    shown = snapshot(1, number, complete_through=1_795_471_200_000_000)
    return release_documents.release(number, shown, reason="first" if number == 1 else "cycle", actor="transform")


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


@pytest.fixture
def run(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    log = ReleaseLog(files, LAYOUT)
    for number in (1, 2, 3):
        log.append(made(number))
    version = GoldVersion(1, Definition("f" * 64), 0, new_nonce())
    files.write(LAYOUT.gold_version_manifest(1), msgspec.json.encode(version))
    for layer, size in (("silver", 1000), ("gold", 20)):
        files.write(f"{LAYOUT.version_schema(1, layer)}/t-1/month=1/file", b"x" * size)
    monkeypatch.setattr(release, "_warehouse", lambda: (files, LAYOUT))

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(release.app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    return invoke


def test_the_list_is_newest_first(run: Callable[..., str]) -> None:
    rows = json.loads(run("list", "--format", "json"))
    assert [row["release"] for row in rows] == [3, 2, 1]
    contract = {"release", "released_at", "gold_version", "reason", "actor"}
    assert all(set(row) == contract | {"gold_version_bytes"} for row in rows)
    assert [row["gold_version_bytes"] for row in rows] == [1020] * 3
    stamps = [datetime.fromisoformat(row["released_at"]) for row in rows]
    assert stamps == sorted(stamps, reverse=True)
    assert all(stamp.tzinfo == UTC for stamp in stamps)
    assert [row["release"] for row in json.loads(run("list", "--limit", "1", "--format", "json"))] == [3]


def test_the_list_ends_with_what_each_version_costs(run: Callable[..., str]) -> None:
    assert run("list").splitlines()[-1].split() == ["1", "current", "1,000", "20", "1,020"]


def test_the_list_says_which_candidate_has_failed(run: Callable[..., str], files: LocalFiles) -> None:
    Versions(files, LAYOUT).create(Definition("a" * 64))
    assert run("list").splitlines()[-1].split()[:2] == ["2", "building"]
    ProgressFile(files, LAYOUT, 2).say(Phase.FAILED, failure="an audit")
    assert run("list").splitlines()[-1].split()[:2] == ["2", "failed"]


def test_a_release_shows_all_that_it_names(run: Callable[..., str]) -> None:
    shown = json.loads(run("show", "2", "--format", "json"))
    assert shown["release"] == 2
    assert shown["parent"] == 1
    assert shown["bronze"] == {"generation": 1, "delta_version": 2}
    assert (shown["why"], shown["held"]) == (None, False)
    assert shown["complete_through"] == "2026-11-23T22:00:00Z"
    assert json.loads(run("show", "--format", "json"))["release"] == 3
