"""Progress is written beside the work, in order, and its last word before the work is said to be done."""

from concurrent.futures import wait
from pathlib import Path
from threading import Event

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotReadyError
from lakehouse.releases.rebuilding.progress import Phase, ProgressFile, not_built

LAYOUT = Layout("/warehouse")


class Slow(LocalFiles):
    """Writes nothing until it may, and fails when it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.may, self.fails = Event(), False

    def write(self, path: str, data: bytes) -> None:
        assert self.may.wait(10)
        if self.fails:
            raise NotReadyError("away")
        super().write(path, data)


def test_work_goes_on_while_progress_is_written(tmp_path: Path) -> None:
    files = Slow(tmp_path)
    progress = ProgressFile(files, LAYOUT, 2)
    progress.say(Phase.SLICES, rows=0, rows_total=100)
    assert progress.read() is None
    files.may.set()
    progress.settle()
    found = progress.read()
    assert found is not None
    assert (found.phase, found.rows_total) == (Phase.SLICES, 100)


@pytest.mark.parametrize("last", [Phase.DONE, Phase.FAILED])
def test_the_last_word_is_written_when_it_is_said(tmp_path: Path, last: Phase) -> None:
    files = Slow(tmp_path)
    files.may.set()
    progress = ProgressFile(files, LAYOUT, 2)
    for phase in (Phase.SLICES, Phase.CATCH_UP, last):
        progress.say(phase)
    found = progress.read()
    assert found is not None
    assert found.phase is last


def test_what_could_not_be_written_is_told_by_the_next_word(tmp_path: Path) -> None:
    files = Slow(tmp_path)
    files.may.set()
    files.fails = True
    progress = ProgressFile(files, LAYOUT, 2)
    progress.say(Phase.SLICES)
    with pytest.raises(NotReadyError):
        progress.say(Phase.CATCH_UP)
    files.fails = False
    progress.say(Phase.DONE)
    found = progress.read()
    assert found is not None
    assert found.phase is Phase.DONE


def test_the_last_word_is_written_though_the_one_before_was_not(tmp_path: Path) -> None:
    """Why a rebuild has failed must be read, and told, whatever became of its progress."""
    files = Slow(tmp_path)
    files.may.set()
    files.fails = True
    progress = ProgressFile(files, LAYOUT, 2)
    progress.say(Phase.SLICES)
    wait([progress._writing])  # type: ignore[list-item]  # it has failed before HDFS is back
    files.fails = False
    progress.say(Phase.FAILED, failure="an audit")
    found = progress.read()
    assert found is not None
    assert found.failure == "an audit"


def test_what_was_counted_stands_and_what_is_built_is_whole(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    first = ProgressFile(files, LAYOUT, 2)
    first.say(Phase.SLICES, rows=60, rows_total=100)
    first.say(Phase.FAILED, failure="no servers")
    failed = first.read()
    assert failed is not None
    assert (failed.rows, failed.rows_total) == (60, 100)
    second = ProgressFile(files, LAYOUT, 2)
    second.say(Phase.DONE)
    done = second.read()
    assert done is not None
    assert (done.rows, done.rows_total, done.failure) == (100, 100, None)


def test_who_needs_a_whole_version_is_told_why_it_is_none(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    assert "not built yet; wait" in str(not_built(files, LAYOUT, 2))
    progress = ProgressFile(files, LAYOUT, 2)
    progress.say(Phase.FAILED, failure="audit_gold_keys_are_unique failed")
    told = str(not_built(files, LAYOUT, 2))
    assert "audit_gold_keys_are_unique failed" in told
    assert "wait" not in told
    again = ProgressFile(files, LAYOUT, 2)
    again.go_on()
    again.settle()
    assert "not built yet; wait" in str(not_built(files, LAYOUT, 2))
