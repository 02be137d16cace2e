"""Kafka to bronze on real servers: whatever is killed or frozen, every position is there exactly once."""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded_stack import EmbeddedStack
from tests.support.streaming_line import Driver, Line

pytestmark = pytest.mark.stack


@pytest.fixture
def line(servers: EmbeddedStack, tmp_path: Path) -> Iterator[Line]:
    created = Line(servers, tmp_path)
    yield created
    created.close()


class Supervised(threading.Thread):
    """Starts the driver again whenever it ends, as the supervisor does."""

    def __init__(self, line: Line) -> None:
        super().__init__(daemon=True)
        self._line = line
        self._stop_asked = threading.Event()
        self.driver: Driver = line.driver("driver")
        self.codes: list[int] = []

    def run(self) -> None:
        while not self._stop_asked.wait(0.2):
            code = self.driver.process.poll()
            if code is not None:
                self.codes.append(code)
                self.driver = self._line.driver("driver")

    def finish(self) -> int:
        self._stop_asked.set()
        self.join()
        return self.driver.end()


def assert_complete(line: Line) -> None:
    assert line.sequences() == Counter(range(line.sent))
    assert line.quarantined() == line.garbage
    assert_unbroken(line)


def assert_unbroken(line: Line) -> None:
    """Each commit begins where the one before ended, in every partition, and batches count up in an epoch."""
    ends: dict[tuple[str, int], int] = {}
    newest = (0, -1)
    for commit in line.commits():
        assert (commit.epoch, commit.batch) > newest
        newest = (commit.epoch, commit.batch)
        for topic, partitions in commit.offsets.items():
            for partition, found in partitions.items():
                assert found.start == ends.get((topic, partition), found.start)
                ends[topic, partition] = found.end


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "victims",
    [
        pytest.param(("kafka",), id="some"),
        pytest.param(("driver", "jvm", "driver", "kafka", "namenode"), id="all", marks=pytest.mark.chaos),
    ],
)
def test_every_position_is_there_once_whatever_is_killed(line: Line, victims: tuple[str, ...]) -> None:
    """In every run, the driver is killed by ``test_raw_to_bronze``."""
    chance = random.Random(20261123)
    supervised = Supervised(line)
    supervised.start()
    line.produce(40)
    line.wait_until(lambda: line.rows() == line.sent)
    for victim in victims:
        line.produce(60)
        threading.Event().wait(chance.uniform(0, 4))
        if victim in ("kafka", "namenode"):
            old = line.stack.kill(victim)
            line.stack.await_restart(victim, old)
            line.stack.await_healthy("kafka", "hdfs")
        elif victim == "driver":
            supervised.driver.process.kill()
        elif (jvm := supervised.driver.jvm()) is not None:
            os.kill(jvm, signal.SIGKILL)
        line.produce(30)
        line.wait_until(lambda: line.rows() >= line.sent, 240)
    assert_idle_partitions_keep_their_ends(line)
    assert supervised.finish() == 0
    assert (-signal.SIGKILL in supervised.codes) == ("driver" in victims)
    assert_complete(line)
    assert_what_has_aged_out_strands_a_driver(line)


def assert_idle_partitions_keep_their_ends(line: Line) -> None:
    """A driver runs, and has written what there is."""
    before, quarantined = line.commits()[-1], sum(line.garbage.values()) + 2
    line.produce(0)
    line.wait_until(lambda: sum(commit.quarantined for commit in line.commits()) >= quarantined)
    after = line.commits()[-1]
    assert after.rows == 0
    assert {mark.incarnation for commit in line.commits() for mark in commit.marks} == {"ab12"}
    assert before.offsets.keys() == after.offsets.keys() == {"events", "rejected"}


def assert_what_has_aged_out_strands_a_driver(line: Line) -> None:
    """Of what Kafka lets go before it is read the next driver writes nothing, and says what to do. It stays: another
    generation may be made in place of this one."""
    line.produce(40)
    ends = line.commits()[-1].offsets["events"]
    line.delete_records({partition: found.end + 1 for partition, found in ends.items()})
    versions = len(line.commits())
    late = line.driver("driver")
    line.wait_until(lambda: "lakehouse reprocess --from raw" in late.log.read_text())
    assert late.end() == 0
    assert sum(commit.rows for commit in line.commits()[versions:]) == 0


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_frozen_driver_gives_way_to_its_successor_and_stops_when_it_wakes(line: Line) -> None:
    old = line.driver("old")
    line.produce(20)
    line.wait_until(lambda: line.rows() == line.sent)
    line.produce(20)
    old.signal(signal.SIGSTOP)
    line.produce(20)
    new = line.driver("new")
    line.wait_until(lambda: "standing by" in new.state())
    line.wait_until(lambda: line.rows() == line.sent)
    old.signal(signal.SIGCONT)
    assert old.process.wait(120) == 3
    line.produce(20)
    line.wait_until(lambda: line.rows() == line.sent)
    again = line.driver("old")
    line.wait_until(lambda: "standing by" in again.state())
    assert again.end() == 0
    assert new.end() == 0
    assert_complete(line)
