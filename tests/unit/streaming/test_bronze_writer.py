"""Who may write: an old driver and its successor, on a real Delta table (local files, one Spark session)."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from delta.exceptions import ConcurrentTransactionException
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.clients import delta_log
from lakehouse.clients.files import Entry, LocalFiles
from lakehouse.contracts.commit_info import BronzeCommit, PartitionRange
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent
from lakehouse.errors import LakehouseError, SupersededError
from lakehouse.releases.generations import FIRST_GENERATION
from streaming.bronze_writer import BronzeWriter
from streaming.epochs import next_epoch
from streaming.known_batches import Known
from streaming.lease import this_process
from tests.support.bronze_table import AT, LAYOUT, RECORDS, START, Bronze, batch, exactly_once, mark


class Interposed(LocalFiles):
    """Real files; once, right after the table's log has been listed, something else happens first."""

    def __init__(self, folder: Path, action: Callable[[], object]) -> None:
        super().__init__(folder)
        self._action: Callable[[], object] | None = action

    def list(self, folder: str) -> list[Entry]:
        entries = super().list(folder)
        if folder.endswith("_delta_log") and self._action is not None:
            action, self._action = self._action, None
            action()
        return entries


@pytest.fixture
def bronze(spark: SparkSession, tmp_path: Path) -> Bronze:
    return Bronze(spark, tmp_path)


def test_a_commit_says_what_it_holds(bronze: Bronze) -> None:
    driver = bronze.begun()
    driver.write(bronze.batches(0, 3))
    written = driver.write(
        bronze.frame((0, 3, batch(3)), (0, 4, b"garbage"), (1, 0, mark(1, AT)), (1, 1, mark(1, AT + 5)))
    )
    assert written is not None
    commit = bronze.commits()[-1]
    assert commit == written.commit
    assert (commit.epoch, commit.batch, commit.rows, commit.quarantined) == (1, 2, 2, 1)
    assert commit.offsets == {
        "events": {0: PartitionRange(3, 5), 1: PartitionRange(0, 2)},
        "rejected": {0: PartitionRange(0, 0)},
    }
    assert [(m.edge, m.incarnation, m.marks) for m in commit.marks] == [("edge-1", "ab", {1: AT + 5})]
    log = delta_log.read_commit(bronze.files, bronze.paths.events, written.version)
    assert log.transactions == {"bronze-g1": 2**32 + 2}
    quarantine = (
        DeltaTable(bronze.folder / LAYOUT.quarantine(FIRST_GENERATION).lstrip("/")).to_pyarrow_table().to_pylist()
    )
    assert [(row["body"], row["epoch"], row["batch"], row["kafka_offset"]) for row in quarantine] == [
        (b"garbage", 1, 2, 4)
    ]


def test_low_marks_alone_make_a_commit_and_nothing_makes_none(bronze: Bronze) -> None:
    driver = bronze.begun()
    assert driver.write(bronze.frame()) is None
    written = driver.write(bronze.frame((0, 0, mark(0, AT))))
    assert written is not None
    log = delta_log.read_commit(bronze.files, bronze.paths.events, written.version)
    assert (log.adds, log.data_change) == ((), False)


def test_the_table_has_what_trino_can_read_and_a_log_that_stays(bronze: Bronze) -> None:
    metadata = DeltaTable(bronze.folder / bronze.paths.events.lstrip("/")).metadata()
    assert metadata.partition_columns == ["accepted_date"]
    assert metadata.configuration["delta.enableExpiredLogCleanup"] == "false"
    assert metadata.configuration["delta.enableDeletionVectors"] == "false"
    assert metadata.configuration["delta.enableChangeDataFeed"] == "true"


def test_a_successor_goes_on_and_the_old_driver_stops_without_a_trace(bronze: Bronze) -> None:
    old = bronze.begun()
    old.write(bronze.batches(0, 3))
    new = bronze.driver()
    consumed = new.fence()
    assert consumed["events"] == {0: 3, 1: 0}
    with pytest.raises(SupersededError, match="epoch 2"):
        old.write(bronze.batches(3, 6))
    new.write(bronze.batches(3, 6))
    assert bronze.positions() == exactly_once(range(6))


def test_what_the_old_driver_commits_before_the_fence_is_not_read_again(bronze: Bronze) -> None:
    old = bronze.begun()
    old.write(bronze.batches(0, 3))
    late = Interposed(bronze.folder, lambda: old.write(bronze.batches(3, 5)))
    new = bronze.driver(late)
    assert new.fence()["events"] == {0: 5, 1: 0}
    new.write(bronze.batches(5, 6))
    assert bronze.positions() == exactly_once(range(6))
    assert bronze.commits()[-1].offsets["events"][0] == PartitionRange(5, 6)


def test_a_driver_frozen_in_the_middle_of_its_write_is_shut_out(bronze: Bronze) -> None:
    old = bronze.begun()
    old.write(bronze.batches(0, 2))
    passes, gate = bronze.folder / "passes", bronze.folder / "gate"

    @f.udf("binary", useArrow=False)  # type: ignore[untyped-decorator]
    def frozen_in_the_second_pass(value: bytes) -> bytes:
        with passes.open("a") as seen:
            seen.write("x")
        while len(passes.read_text()) > 1 and not gate.exists():
            time.sleep(0.02)
        return value

    frozen = bronze.batches(2, 3).withColumn("value", frozen_in_the_second_pass("value"))
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(old.write, frozen)
        wait_until(lambda: passes.exists() and len(passes.read_text()) > 1)
        new = bronze.driver()
        assert new.fence()["events"][0] == 2
        gate.touch()
        with pytest.raises(SupersededError):
            writing.result(60)
    new.write(bronze.batches(2, 4))
    assert bronze.positions() == exactly_once(range(4))


@pytest.mark.parametrize("delay", [0.0, 0.4, 1.1])
def test_two_drivers_racing_leave_every_position_once(bronze: Bronze, delay: float) -> None:
    old, stopped = bronze.begun(), threading.Event()

    def write_until_superseded() -> int:
        for number in range(30):
            try:
                old.write(bronze.batches(number, number + 1))
            except SupersededError:
                stopped.set()
                return number
        return 30

    with ThreadPoolExecutor(1) as pool:
        racing = pool.submit(write_until_superseded)
        stopped.wait(delay)
        new = bronze.driver()
        consumed = new.fence() or START
        new.begin(consumed)
        first = consumed["events"][0]
        new.write(bronze.batches(first, first + 3))
        assert racing.result(120) == first
    assert stopped.is_set()
    assert bronze.positions() == exactly_once(range(first + 3))


class Overtaken(BronzeWriter):
    """A driver whose first fence meets, at the same instant, a commit of the older driver."""

    older: Callable[[], object] | None = None

    def _append(self, rows: DataFrame, commit: BronzeCommit) -> None:
        if self.older is not None:
            older, self.older = self.older, None
            older()
            raise ConcurrentTransactionException("the same application id has just committed")
        super()._append(rows, commit)


def test_a_fence_that_met_an_older_drivers_commit_looks_again(bronze: Bronze) -> None:
    old = bronze.begun()
    old.write(bronze.batches(0, 2))
    new = Overtaken(
        bronze.spark, bronze.files, bronze.paths, next_epoch(bronze.files, LAYOUT, FIRST_GENERATION, this_process())
    )
    new.older = lambda: old.write(bronze.batches(2, 3))
    assert new.fence()["events"][0] == 3
    with pytest.raises(SupersededError):
        old.write(bronze.batches(3, 4))
    new.begin({"events": {0: 3}})
    new.write(bronze.batches(3, 5))
    assert bronze.positions() == exactly_once(range(5))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


class LostAnswer(BronzeWriter):
    """A writer whose storage takes the commit and breaks down before it says so, or before it takes it."""

    commits_first = True

    def _append(self, rows: DataFrame, commit: BronzeCommit) -> None:
        if commit.rows == 0:
            super()._append(rows, commit)
            return
        if self.commits_first:
            super()._append(rows, commit)
        raise OSError("the connection was closed")


def lossy(bronze: Bronze) -> LostAnswer:
    epoch = next_epoch(bronze.files, LAYOUT, FIRST_GENERATION, this_process())
    driver = LostAnswer(bronze.spark, bronze.files, bronze.paths, epoch)
    driver.begin(driver.fence() or START)
    return driver


def test_a_commit_whose_answer_was_lost_is_a_commit(bronze: Bronze) -> None:
    driver = lossy(bronze)
    written = driver.write(bronze.batches(0, 2))
    assert written is not None
    driver.write(bronze.batches(2, 3))
    assert bronze.positions() == exactly_once(range(3))


def test_a_write_that_failed_is_raised_and_read_again_by_the_next_driver(bronze: Bronze) -> None:
    driver = lossy(bronze)
    driver.commits_first = False
    with pytest.raises(OSError, match="connection was closed"):
        driver.write(bronze.batches(0, 2))
    assert bronze.begun().write(bronze.batches(0, 2)) is not None
    assert bronze.positions() == exactly_once(range(2))


def lines(bronze: Bronze, *values: bytes) -> DataFrame:
    rows = [("events", None, None, bytearray(value)) for value in values]
    return bronze.spark.createDataFrame(rows, RECORDS).coalesce(1)


def test_whole_raw_files_are_named_by_the_commit_that_holds_them(bronze: Bronze) -> None:
    driver = bronze.driver()
    assert driver.fence() == {}
    written = driver.write_raw_files(
        lines(bronze, batch(0), batch(1), b"torn"), Known({"ab": [(0, 0)]}, {"ab": [(0, 3)]}), expected=6
    )
    said = bronze.commits()[-1]
    assert said == written.commit
    assert (said.rows, said.quarantined, said.offsets, said.marks) == (4, 1, {}, [])
    assert (said.segments, said.sequences) == ({"ab": [(0, 0)]}, {"ab": [(0, 3)]})
    assert bronze.positions() == exactly_once(range(2))


def test_raw_files_that_hold_less_than_their_manifests_say_are_not_written(bronze: Bronze) -> None:
    driver = bronze.driver()
    driver.fence()
    with pytest.raises(LakehouseError, match="4 events were read"):
        driver.write_raw_files(lines(bronze, batch(0), batch(1)), Known({"ab": [(0, 0)]}, {"ab": [(0, 3)]}), expected=6)
    assert not bronze.positions()


def test_a_generation_goes_on_behind_its_cut_and_leaves_out_what_it_has(bronze: Bronze) -> None:
    builder = bronze.driver()
    builder.fence()
    known = Known({"ab": [(0, 0)]}, {"ab": [(0, 3)]})
    builder.write_raw_files(lines(bronze, batch(0), batch(1)), known, expected=4)
    ranges = {("events", 0): PartitionRange(0, 2), ("events", 1): PartitionRange(5, 5)}
    builder.write_handoff(bronze.frame((0, 1, mark(0, AT)), (0, 0, b"garbage")), ranges, known, None)
    cut = bronze.commits()[-1]
    assert cut.offsets == {"events": {0: PartitionRange(0, 2), 1: PartitionRange(5, 5)}}
    assert ([m.marks for m in cut.marks], cut.rows, cut.quarantined) == ([{0: AT}], 0, 1)

    epoch = next_epoch(bronze.files, LAYOUT, FIRST_GENERATION, this_process())
    stream = BronzeWriter(bronze.spark, bronze.files, bronze.paths, epoch, known)
    assert stream.fence() == {"events": {0: 2, 1: 5}}
    event = AcceptedEvent(id="e9", source="shop", type="page.viewed", time=AT, data="{}")
    other = msgspec.json.encode(AcceptedBatch("edge-1", "ab-1", 4, AT, "m1", [event]))
    stream.write(bronze.frame((0, 2, batch(1)), (0, 3, other), (1, 5, batch(0))))
    assert bronze.commits()[-1].offsets["events"] == {0: PartitionRange(2, 4), 1: PartitionRange(5, 6)}
    assert bronze.positions() == Counter(dict.fromkeys(range(5), 1))
