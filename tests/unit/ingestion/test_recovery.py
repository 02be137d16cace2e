"""What a disk has lost of a log costs itself alone, is known as a hole, and comes back from Kafka byte for byte."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import machine
from ingestion.clock import Clock
from ingestion.incarnation import DAMAGED, Incarnation, begin
from ingestion.segment import header_of
from ingestion.tail_cache import Cursor
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.settings import EdgeSettings

EDGE = EdgeSettings()


class Run:
    """A run of an edge that has ended, and what its files held before anything happened to them."""

    def __init__(self, folder: Path, sizes: list[int]) -> None:
        """A size is a batch of so many events; 0 ends a segment."""
        self.clock = Clock(folder / "clock.json")
        run = begin(folder, self.clock, EDGE)
        for size in sizes:
            if size:
                run.log.append("m", [AcceptedEvent(f"e{n}", "s", "page.viewed", 1, "{}") for n in range(size)])
            else:
                run.log.seal()
        run.log.lines.roll()
        self.folder = run.folder
        self.next = run.log.next
        self.files = {path: path.read_bytes() for path in sorted((run.folder / "accepted").iterdir())}
        self.lines = [line for data in self.files.values() for line in data.splitlines(keepends=True)]

    def open(self) -> Incarnation:
        return Incarnation(self.folder, self.clock, EDGE, ended=True)

    def positions(self, line: bytes) -> set[int]:
        header = header_of(line)
        assert header is not None
        return set(range(header.first, header.first + len(header.events)))

    def replace_line(self, index: int, text: bytes) -> None:
        """Puts other bytes in the place of a line, in its file."""
        for path, data in self.files.items():
            if self.lines[index] in data:
                path.write_bytes(path.read_bytes().replace(self.lines[index], text))


def held(run: Incarnation) -> set[int]:
    return {
        sequence
        for segment in run.log.segments.values()
        for first, last in segment.ranges
        for sequence in range(first, last + 1)
    }


def lost(run: Incarnation) -> set[int]:
    return {sequence for first, last in run.log.holes() for sequence in range(first, last + 1)}


SIZES = st.lists(st.integers(0, 4), min_size=1, max_size=14).filter(any)


@settings(max_examples=40)
@given(sizes=SIZES, choice=st.integers(0, 99), text=st.binary(max_size=400))
def test_a_bad_line_costs_that_line_and_no_other(
    sizes: list[int], choice: int, text: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = Run(tmp_path_factory.mktemp("edge"), sizes)
    index = choice % len(run.lines)
    run.replace_line(index, text + b"\n")
    found = run.open()
    assert held(found) == set(range(run.next)) - run.positions(run.lines[index])
    assert lost(found) == set(range(max(held(found), default=-1) + 1)) - held(found)
    ledger = found.ledger(1)
    assert ledger.next == max(held(found), default=-1) + 1 == sum(ledger.hours.values())
    read = [line.text for line in found.log.lines.read(found.log.lines.first(), 1 << 20)]
    assert all(header_of(line + b"\n") is not None for line in read)


@settings(max_examples=40)
@given(sizes=SIZES, choice=st.integers(0, 99), first=st.integers(0, 10**12))
def test_a_changed_digit_of_a_sequence_costs_that_line_and_no_other(
    sizes: list[int], choice: int, first: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = Run(tmp_path_factory.mktemp("edge"), [*sizes, 1, 1])
    index = choice % (len(run.lines) - 2)
    (old, *_) = sorted(run.positions(run.lines[index]))
    run.replace_line(index, run.lines[index].replace(b'"first":%d,' % old, b'"first":%d,' % first))
    bad = run.positions(run.lines[index]) if first != old else set()
    assert held(run.open()) == set(range(run.next)) - bad


def test_the_file_is_kept_as_it_was_found(tmp_path: Path) -> None:
    run = Run(tmp_path, [2, 2, 2])
    run.replace_line(1, b"\0" * 30 + b"\n")
    (path,) = run.files
    found = path.read_bytes()
    run.open()
    assert (tmp_path / DAMAGED / path.name).read_bytes() == found
    assert path.read_bytes() == run.lines[0] + run.lines[2]


def test_what_kafka_has_of_a_mended_file_is_sent_again(tmp_path: Path) -> None:
    """A place behind bytes that are gone is no place between two lines any more."""
    run = Run(tmp_path, [2, 0, 2, 2, 2])
    first = run.open()
    first.accepted_outbox.delivered = Cursor(1, len(run.lines[1]) + len(run.lines[2]))
    first.save()
    run.replace_line(1, b"garbage\n")
    assert run.open().accepted_outbox.delivered == Cursor(1, 0)


@settings(max_examples=40)
@given(sizes=SIZES, seed=st.integers(0, 10**9))
def test_what_kafka_has_comes_back_byte_for_byte(
    sizes: list[int], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any lines are gone, whole files among them; Kafka has them, in any order, twice, and among others'."""
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("edge")
    run, other = Run(folder, sizes), Run(tmp_path_factory.mktemp("other"), sizes)
    for index in range(len(run.lines)):
        if rng.random() < 0.5:
            run.replace_line(index, rng.choice([b"", b"\0\0\n", b'{"kind":"batch"}\n']))
    for path in run.files:
        if rng.random() < 0.2:
            path.unlink()
    kafka = [line[:-1] for line in [*run.lines, *other.lines, *run.lines]] + [b"garbage", b"\xff", b""]
    rng.shuffle(kafka)
    torn = run.open()
    restored = torn.restore(line for line in kafka if torn.log.lacks(line))
    assert {path: path.read_bytes() for path in run.files} == run.files
    assert held(restored) == set(range(run.next))
    assert not restored.torn
    assert restored.accepted_outbox.delivered <= restored.log.lines.first() or not torn.log.holes()


def test_what_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    """Kafka and HDFS have it: the run has counted it already."""
    run = Run(tmp_path, [2, 0, 3])
    first = run.open()
    first.shipped = {0}
    first.accepted_outbox.delivered = first.log.lines.end
    first.delete_delivered()
    again = run.open()
    assert [line for line in run.lines if again.log.lacks(line[:-1])] == []


def test_a_run_is_torn_if_the_machine_went_down_under_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed, ended = Run(tmp_path / "killed", [2]), Run(tmp_path / "ended", [2])
    live = Incarnation(ended.folder, ended.clock, EDGE, ended=False)
    live.end()
    assert not killed.open().torn
    monkeypatch.setattr(machine, "boot_id", lambda: "another")
    assert killed.open().torn
    assert not ended.open().torn
    assert not killed.open().restore([]).torn
    assert not killed.open().torn


def test_what_may_be_lost_is_no_older_than_the_last_line(tmp_path: Path) -> None:
    run = Run(tmp_path, [1, 0, 1, 1, 0, 1])
    stamps = [header.accepted_at for line in run.lines if (header := header_of(line)) is not None]
    assert run.open().torn_since == stamps[3]
    run.replace_line(2, b"")
    assert stamps[0] <= run.open().torn_since <= stamps[2]


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("killed", "ended"):
        (tmp_path / name).mkdir()
