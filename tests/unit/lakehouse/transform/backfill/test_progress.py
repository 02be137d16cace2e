"""Progress is written beside the work, in order, and its last word before the work is said to be done."""

from concurrent.futures import wait
from pathlib import Path
from threading import Event

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotReadyError
from lakehouse.transform.backfill.progress import Phase, Progress, ProgressFile, duration, not_built

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
    progress = ProgressFile(files, LAYOUT, GoldVersionNumber(2))
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
    progress = ProgressFile(files, LAYOUT, GoldVersionNumber(2))
    for phase in (Phase.SLICES, Phase.CATCH_UP, last):
        progress.say(phase)
    found = progress.read()
    assert found is not None
    assert found.phase is last


def test_what_could_not_be_written_is_told_by_the_next_word(tmp_path: Path) -> None:
    files = Slow(tmp_path)
    files.may.set()
    files.fails = True
    progress = ProgressFile(files, LAYOUT, GoldVersionNumber(2))
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
    progress = ProgressFile(files, LAYOUT, GoldVersionNumber(2))
    progress.say(Phase.SLICES)
    wait([progress._writing])  # type: ignore[list-item]  # it has failed before HDFS is back
    files.fails = False
    progress.say(Phase.FAILED, failure="an audit")
    found = progress.read()
    assert found is not None
    assert found.failure == "an audit"


def test_what_was_counted_stands_and_what_is_built_is_whole(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    first = ProgressFile(files, LAYOUT, GoldVersionNumber(2))
    first.say(Phase.SLICES, rows=60, rows_total=100)
    first.say(Phase.FAILED, failure="no servers")
    failed = first.read()
    assert failed is not None
    assert (failed.rows, failed.rows_total) == (60, 100)
    second = ProgressFile(files, LAYOUT, GoldVersionNumber(2))
    second.say(Phase.DONE)
    done = second.read()
    assert done is not None
    assert (done.rows, done.rows_total, done.failure) == (100, 100, None)


def test_who_needs_a_whole_version_is_told_why_it_is_none(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    assert "not built yet; wait" in str(not_built(files, LAYOUT, GoldVersionNumber(2)))
    progress = ProgressFile(files, LAYOUT, GoldVersionNumber(2))
    progress.say(Phase.FAILED, failure="audit_merchant_sales_key_is_unique failed")
    told = str(not_built(files, LAYOUT, GoldVersionNumber(2)))
    assert "audit_merchant_sales_key_is_unique failed" in told
    assert "wait" not in told
    assert "The same `lakehouse reprocess` goes on with it" in told
    progress.say(Phase.FAILED, failure="audit_merchant_sales_key_is_unique failed", is_lasting=True)
    assert "The same `lakehouse reprocess` would fail again" in str(not_built(files, LAYOUT, GoldVersionNumber(2)))
    again = ProgressFile(files, LAYOUT, GoldVersionNumber(2))
    again.go_on()
    again.settle()
    assert "not built yet; wait" in str(not_built(files, LAYOUT, GoldVersionNumber(2)))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_that_of_this_run_and_tells_what_is_left(tmp_path: Path) -> None:
    """Taken up at 400,000 of a million rows; 50,000 rows take ten seconds, then another 250,000 take twenty."""
    heard: list[Progress] = []
    clock = Clock()
    progress = ProgressFile(LocalFiles(tmp_path), LAYOUT, GoldVersionNumber(2), heard.append, clock)
    for seconds, rows in ((7, 400_000), (10, 450_000), (20, 700_000)):
        clock.now += seconds
        progress.say(Phase.SLICES, rows=rows, rows_total=1_000_000)
    assert [said.rows_per_second for said in heard] == [None, 5_000, 10_000]
    assert [said.seconds_left for said in heard] == [None, 110, 30]
    progress.say(Phase.CATCH_UP)
    assert (heard[-1].rows_per_second, heard[-1].seconds_left) == (None, None)


def test_nobody_can_say_what_is_left_without_a_rate_or_a_total() -> None:
    assert Progress(Phase.SLICES, 0, rows=25, rows_total=100, rows_per_second=2.5).seconds_left == 30
    assert Progress(Phase.SLICES, 0, rows=100, rows_total=100, rows_per_second=2.5).seconds_left == 0
    assert Progress(Phase.SLICES, 0, rows=101, rows_total=100, rows_per_second=2.5).seconds_left == 0
    assert Progress(Phase.SLICES, 0, rows=25, rows_total=100).seconds_left is None
    assert Progress(Phase.SLICES, 0, rows=25, rows_total=None, rows_per_second=2.5).seconds_left is None


def test_a_watcher_is_told_all_but_what_is_raised(tmp_path: Path) -> None:
    heard: list[Progress] = []
    progress = ProgressFile(LocalFiles(tmp_path), LAYOUT, GoldVersionNumber(2), heard.append)
    progress.say(Phase.RAW)
    progress.say(Phase.SLICES, rows=1_000, rows_total=1_200)
    progress.say(Phase.FAILED, failure="an audit")
    assert [said.phase for said in heard] == [Phase.RAW, Phase.SLICES]
    assert heard[1].words == "1,000 of 1,200 rows are built"
    assert Progress(Phase.SLICES, 0, 25, 100, 0.5).words == "25 of 100 rows are built, about 2 min left"
    assert all(Progress(phase, 0).words for phase in Phase)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (720, "12 min"), (5399, "90 min"), (12_600, "3.5 h")],
)
def test_an_estimate_is_told_as_people_would(seconds: float, told: str) -> None:
    assert duration(seconds) == told
