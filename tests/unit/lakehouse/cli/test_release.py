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
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import BronzeCursor, Definition, Drop, GoldVersion, Plan, Release, new_nonce
from lakehouse.releases.versions import Versions
from lakehouse.transform.backfill.progress import Phase, ProgressFile
from tests.support import release_documents
from tests.support.release_documents import snapshot

LAYOUT = Layout("/w")


def made(number: int) -> Release:
    shown = snapshot(1, number, complete_through=1_795_471_200_000_000)
    return release_documents.release(number, shown, kind="cycle", actor="transform")


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


@pytest.fixture
def run(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    log = ReleaseLog(files, LAYOUT)
    for number in (1, 2, 3):
        log.append(made(number))
    version = GoldVersion(GoldVersionNumber(1), Definition("f" * 64), 0, new_nonce())
    files.write(LAYOUT.gold_version_manifest(GoldVersionNumber(1)), msgspec.json.encode(version))
    for layer, size in (("silver", 1000), ("gold", 20)):
        files.write(f"{LAYOUT.version_schema(GoldVersionNumber(1), layer)}/t-1/month=1/file", b"x" * size)
    monkeypatch.setattr(release, "_warehouse", lambda: (files, LAYOUT))

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(release.app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    return invoke


def test_the_list_is_newest_first(run: Callable[..., str]) -> None:
    rows = json.loads(run("list", "--format", "json"))
    assert [row["release"] for row in rows] == [3, 2, 1]
    contract = {"release", "released_at", "gold_version", "kind", "reason", "actor"}
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
    ProgressFile(files, LAYOUT, GoldVersionNumber(2)).say(Phase.FAILED, failure="an audit")
    assert run("list").splitlines()[-1].split()[:2] == ["2", "failed"]


def test_candidates_and_what_was_dropped_are_listed_with_who_and_why(
    run: Callable[..., str], files: LocalFiles
) -> None:
    """Also a version of which nothing is left but its documents."""
    versions = Versions(files, LAYOUT)
    for reason in ("taxes", None):
        versions.create(Definition("a" * 64), Plan("bronze", BronzeCursor(FIRST_GENERATION, 1), None, "olga", reason))
    files.write(f"{LAYOUT.version_schema(GoldVersionNumber(2), 'gold')}/t-2/month=1/file", b"x" * 7)
    versions.add_drop(Drop(GoldVersionNumber(3), "omar", "wrong again", 1_795_471_200_000_000, new_nonce()))
    building = run("list").splitlines()[-1].split()
    assert " ".join(building) == "2 building 0 7 7 planned by olga (taxes)"
    dropped = " ".join(run("list", "--versions").splitlines()[-1].split())
    assert dropped == "3 dropped 0 0 0 planned by olga; dropped at 2026-11-23T22:00:00Z by omar (wrong again)"
    first, second, third = json.loads(run("list", "--versions", "--format", "json"))
    assert (first["gold_version"], first["standing"], first["plan"], first["dropped"]) == (1, "current", None, None)
    assert (first["silver_bytes"], first["gold_bytes"], first["own_bytes"]) == (1000, 20, 1020)
    assert (second["plan"]["actor"], second["plan"]["reason"], second["own_bytes"]) == ("olga", "taxes", 7)
    word = {"dropped_at": "2026-11-23T22:00:00Z", "actor": "omar", "reason": "wrong again", "operation": None}
    assert (third["standing"], third["dropped"]) == ("dropped", word)
    newest = json.loads(run("list", "--versions", "--limit", "1", "--format", "json"))
    assert [row["gold_version"] for row in newest] == [3]


def test_a_release_shows_what_its_gold_version_is_today(run: Callable[..., str], files: LocalFiles) -> None:
    version = json.loads(run("show", "2", "--format", "json"))["version"]
    assert (version["gold_version"], version["standing"], version["dropped"]) == (1, "current", None)
    ReleaseLog(files, LAYOUT).append(release_documents.release(4, snapshot(2, 1)))
    Versions(files, LAYOUT).create(
        Definition("a" * 64), Plan("bronze", BronzeCursor(FIRST_GENERATION, 1), None, "olga", "taxes")
    )
    Versions(files, LAYOUT).add_drop(Drop(GoldVersionNumber(1), "omar", None, 1, new_nonce()))
    assert json.loads(run("show", "4", "--format", "json"))["version"]["plan"]["reason"] == "taxes"
    former = json.loads(run("show", "2", "--format", "json"))["version"]
    assert (former["standing"], former["dropped"]["actor"]) == ("dropped", "omar")


def test_a_release_shows_all_that_it_names(run: Callable[..., str]) -> None:
    shown = json.loads(run("show", "2", "--format", "json"))
    assert shown["release"] == 2
    assert shown["parent"] == 1
    assert shown["bronze"] == {"generation": 1, "delta_version": 2}
    assert (shown["reason"], shown["held"]) == (None, False)
    assert shown["complete_through"] == "2026-11-23T22:00:00Z"
    assert json.loads(run("show", "--format", "json"))["release"] == 3
