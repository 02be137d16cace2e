"""A new generation of bronze from raw files, killed at random, equals the one that was streamed, and is fed on."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.contracts.ids import GenerationNumber
from lakehouse.releases import generations
from lakehouse.releases.generations import FIRST_GENERATION
from tests.integration.raw_line import Build, RawLine
from tests.integration.test_kafka_to_bronze import Supervised
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack

SEGMENTS = 6


@pytest.fixture
def line(servers: EmbeddedStack, tmp_path: Path) -> Iterator[RawLine]:
    created = RawLine(servers, tmp_path)
    yield created
    created.close()


def fill(line: RawLine) -> None:
    """Shipped segments; the batches of an edge that died before it shipped; a segment that Kafka does not have yet."""
    for number in range(SEGMENTS):
        line.accept(20)
        line.ship()
        line.deliver()
        if number == SEGMENTS - 2:
            line.produce(4)
    line.accept(10)
    line.ship()


def await_raw_commits(line: RawLine, wanted: int) -> None:
    line.wait_until(lambda: sum(bool(commit.segments) for commit in line.said(2)) >= wanted)


def build_with_kills(line: RawLine, kills: int) -> Build:
    """Kills the build in the middle of its commits, and lets the last run end."""
    chance = random.Random(20261124)
    for number in range(kills):
        build = line.build(2, events_per_commit=100)
        await_raw_commits(line, 2 * number + 2)
        threading.Event().wait(chance.uniform(0, 1))
        build.kill(jvm_too=chance.random() < 0.5)
    last = line.build(2, events_per_commit=100)
    assert last.end() == 0, last.words()
    return last


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [0, pytest.param(2, marks=pytest.mark.chaos)])
def test_what_is_built_from_raw_files_equals_what_was_streamed_and_is_fed_on(line: RawLine, kills: int) -> None:
    """Here the driver dies in the hand-over. A build is killed in ``make chaos``, and by a unit test in every run."""
    supervised = Supervised(line)
    supervised.start()
    fill(line)
    streamed = line.sent + line.accepted - 50
    line.wait_until(lambda: line.rows() == streamed)
    assert generations.next_generation(line.files, line.layout) == 2
    build = build_with_kills(line, kills)
    assert "events/s" in build.words()
    made = generations.streamed(line.files, line.layout, GenerationNumber(2))
    assert made is not None
    assert made.rows == line.accepted
    assert generations.progress(line.files, line.layout, GenerationNumber(2)).segments == SEGMENTS + 1

    # Kafka gets what it lacked, and more, while the driver dies
    line.accept(10)
    line.deliver()
    line.wait_until(lambda: "generation 2" in supervised.driver.state())
    line.wait_until(lambda: len(line.said(2)) > 0 and line.rows_of(2) == line.sent + line.accepted)
    supervised.driver.process.kill()
    line.accept(10)
    line.ship()
    line.deliver()
    line.produce(3)
    both = line.sent + line.accepted
    line.wait_until(lambda: line.rows_of(1) == both and line.rows_of(2) == both)
    line.wait_until(lambda: line.marks_of(1) == line.marks_of(2))
    assert line.content(2) == line.content(1)
    assert len(set(line.content(2))) == both
    assert line.refused(2) == line.refused(1) == line.garbage
    assert line.shown_from_kafka(2)[False] == made.rows

    # under steady traffic, too, the commits of both end at the same offsets
    before, deadline = len(line.ends(1)), time.monotonic() + 180
    while len(line.ends(1)) < before + 4 or line.ends(1)[-4:] != line.ends(2)[-4:]:
        assert time.monotonic() < deadline, line.logs()
        line.accept(2)
        line.deliver()
    both = line.sent + line.accepted
    line.wait_until(lambda: line.rows_of(1) == both and line.rows_of(2) == both)

    # a build of what is complete changes nothing
    commits = len(line.said(2))
    again = line.build(2, events_per_commit=100)
    assert again.end() == 0, again.words()
    assert {commit.epoch for commit in line.said(2)[commits:]} <= {line.said(2)[commits - 1].epoch}

    # a generation that is retired is let go, the other goes on
    generations.retire(line.files, line.layout, FIRST_GENERATION, "ana", "damaged")
    line.wait_until(lambda: "generation" not in supervised.driver.state())
    line.accept(5)
    line.deliver()
    line.wait_until(lambda: line.rows_of(2) == line.sent + line.accepted)
    assert line.rows_of(1) == both
    assert supervised.finish() == 0
    assert -signal.SIGKILL in supervised.codes


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_what_kafka_has_let_go_comes_from_the_raw_files(line: RawLine) -> None:
    driver = line.driver("driver")
    line.accept(30)
    line.ship()
    line.deliver()
    line.produce(0)
    line.wait_until(lambda: line.rows() == line.accepted and sum(c.quarantined for c in line.said(1)) == 2)
    assert driver.end() == 0
    ends = line.said(1)[-1].offsets["events"]
    line.delete_records({partition: found.end for partition, found in ends.items()})
    generations.next_generation(line.files, line.layout)
    build = line.build(2, events_per_commit=1_000_000)
    assert build.end() == 0, build.words()
    assert line.content(2) == line.content(1)
    assert line.refused(2) == line.refused(1) == line.garbage
    assert Counter(commit.rows for commit in line.said(2) if commit.rows) == {line.accepted: 1}
    late = line.driver("driver")
    line.accept(5)
    line.deliver()
    line.wait_until(lambda: line.rows_of(1) == line.rows_of(2) == line.accepted)
    assert line.content(2) == line.content(1)
    assert late.end() == 0
