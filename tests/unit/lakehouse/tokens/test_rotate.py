"""``keys rotate-personal-ids``: when a key may begin, who makes it, and what is left where it is killed."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lakehouse.cli import keys
from lakehouse.errors import NotReadyError, RefusedError
from lakehouse.tokens.key_list import LEAD, KeyList, start_of
from lakehouse.tokens.personal_keys import FIRST_DAY, PersonalKeyFolder, fingerprint
from lakehouse.tokens.rotate import Rotate, RotateRequest, earliest_day
from tests.support.key_hosts import LAYOUT, Hdfs, Host

DAY = date(2026, 11, 27)


@pytest.fixture
def hdfs(tmp_path: Path) -> Hdfs:
    return Hdfs(tmp_path / "hdfs")


@pytest.fixture
def host(tmp_path: Path, hdfs: Hdfs) -> Host:
    """That of the warehouse's first edge."""
    made = Host(tmp_path / "one", hdfs)
    made.start()
    made.ask()
    return made


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_the_key_stays_here_and_its_fingerprint_is_listed(host: Host, hdfs: Hdfs) -> None:
    rotation = host.rotate(DAY)
    assert rotation.path.name == "personal_ids-2026-11-27.key"
    assert rotation.path.stat().st_mode & 0o077 == 0
    first, second = host.folder.read().values()
    assert first != second
    assert len(second) == 32
    listed = KeyList(hdfs, LAYOUT).read()
    assert [(day, entry.fingerprint) for day, entry in listed.items()] == [
        (FIRST_DAY, fingerprint(first)),
        (DAY, fingerprint(second)),
    ]
    assert (listed[DAY].actor, listed[DAY].reason) == ("olga", "yearly")
    assert not [path for path, found in contents(hdfs.root).items() if second.hex().encode() in found]


def test_the_same_again_changes_nothing_also_when_the_day_is_near(tmp_path: Path, host: Host, hdfs: Hdfs) -> None:
    host.rotate(DAY)
    before = contents(tmp_path)
    for hours in (0, 80, 800):
        hdfs.now += timedelta(hours=hours)
        assert host.rotate(DAY, actor="otto").was_listed
    assert contents(tmp_path) == before


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
def test_a_day_begins_at_least_two_days_from_now(now: datetime) -> None:
    """The refusal names the earliest day that is taken."""
    earliest = earliest_day(now.replace(tzinfo=UTC))
    assert start_of(earliest) - LEAD >= now.replace(tzinfo=UTC) > start_of(earliest - timedelta(days=1)) - LEAD


def test_a_day_that_is_too_near_is_refused(host: Host, hdfs: Hdfs) -> None:
    hdfs.now = datetime(2026, 11, 25, 0, 0, 0, 1000, tzinfo=UTC)
    with pytest.raises(RefusedError, match="earliest day is 2026-11-28"):
        host.rotate(DAY)
    hdfs.now -= timedelta(milliseconds=1)
    host.rotate(DAY)


def test_another_host_takes_the_key_and_makes_none(tmp_path: Path, host: Host, hdfs: Hdfs) -> None:
    other = Host(tmp_path / "two", hdfs)
    with pytest.raises(RefusedError, match=r"personal_ids\.key is missing"):
        other.rotate(DAY)
    other.copy_keys(host)
    host.rotate(DAY)
    with pytest.raises(RefusedError, match=r"copy personal_ids-2026-11-27\.key"):
        other.rotate(DAY)
    with pytest.raises(RefusedError, match=r"personal_ids-2026-11-27\.key is missing"):
        other.rotate(DAY + timedelta(days=30))
    other.copy_keys(host)
    assert other.rotate(DAY).was_listed
    other.rotate(DAY + timedelta(days=30))
    host.copy_keys(other)
    assert host.folder.read() == other.folder.read()


def test_a_warehouse_without_a_key_has_none_to_rotate(tmp_path: Path, hdfs: Hdfs) -> None:
    with pytest.raises(RefusedError, match="start one first"):
        Host(tmp_path / "one", hdfs).rotate(DAY)


@pytest.mark.parametrize("method", [(KeyList, "add"), (PersonalKeyFolder, "admit")])
def test_killed_it_is_finished_by_the_same_again(
    host: Host, hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch, method: tuple[type, str]
) -> None:
    """A key that is not listed yet is nothing that an edge reads."""

    def killed(*_: object) -> None:
        raise NotReadyError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(*method, killed)
        with pytest.raises(NotReadyError):
            host.rotate(DAY)
    assert list(host.folder.read()) == [FIRST_DAY]
    made = host.folder.made(DAY)
    if DAY in KeyList(hdfs, LAYOUT).read():
        hdfs.now += LEAD
    host.rotate(DAY)
    assert host.folder.read()[DAY] == made
    assert not list(host.settings.keys_path.glob("*.new"))


def test_who_loses_a_race_keeps_no_key(tmp_path: Path, host: Host, hdfs: Hdfs) -> None:
    """Both have planned before either has listed."""
    other = Host(tmp_path / "two", hdfs)
    other.copy_keys(host)
    verb = Rotate(hdfs, LAYOUT, other.folder, timedelta(hours=1))
    planned = verb.plan(RotateRequest(DAY, "otto"))
    host.rotate(DAY)
    with pytest.raises(RefusedError, match="copy it from there"):
        verb.carry_out(planned)
    assert other.folder.made(DAY) is None
    other.copy_keys(host)
    assert other.rotate(DAY).was_listed


def test_the_commands(host: Host, hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(host.settings.home))
    monkeypatch.setattr(keys, "HdfsFiles", lambda _: hdfs)
    before = contents(hdfs.root), contents(host.settings.keys_path)

    def run(*arguments: str, code: int = 0) -> str:
        answer = CliRunner().invoke(keys.app, list(arguments))
        assert answer.exit_code == code, answer.output
        return answer.stdout

    rotate = ("rotate-personal-ids", "--from", str(DAY), "--actor", "olga", "--format", "json")
    said = json.loads(run(*rotate, "--dry-run"))
    assert (said["was_listed"], said["needed_from"]) == (False, "2026-11-26T22:50:00Z")
    assert (contents(hdfs.root), contents(host.settings.keys_path)) == before
    assert json.loads(run(*rotate)) == {name: said[name] for name in said if name not in ("verb", "dry_run", "steps")}
    assert json.loads(run(*rotate))["was_listed"]
    rows = json.loads(run("list", "--format", "json"))["keys"]
    assert [(row["first_day"], row["here"], row["actor"]) for row in rows] == [
        ("2000-01-01", True, None),
        ("2026-11-27", True, "olga"),
    ]
    Path(said["key"]).unlink()
    assert "personal_ids-2026-11-27.key is missing" in run("list", code=1)
    refused = CliRunner().invoke(keys.app, ["rotate-personal-ids", "--from", "tomorrow", "--actor", "olga"])
    assert isinstance(refused.exception, RefusedError)
