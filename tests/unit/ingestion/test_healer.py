"""When Kafka is asked for lost lines, how far it is read, and what happens while it is away."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestion import healer, machine
from ingestion.clock import Clock
from ingestion.healer import Healer
from ingestion.incarnation import Incarnation, begin
from lakehouse.clients.kafka_scan import Record
from lakehouse.contracts.records import AcceptedEvent, frame_of
from lakehouse.errors import NotReadyError
from lakehouse.settings import Settings

BEGUN = 1_700_000_000_000_000
LATER = BEGUN + 3_600_000_000


class Topic:
    """A topic that does not answer at first. It remembers how it was read."""

    def __init__(self, values: list[bytes], failures: int = 0) -> None:
        self._values = values
        self._failures = failures
        self.asked: list[tuple[int, int | None]] = []

    @contextmanager
    def scan(self, bootstrap: str, topic: str) -> Iterator["Topic"]:
        if self._failures:
            self._failures -= 1
            raise NotReadyError("away")
        yield self

    def records(self, since: int = 0, until: int | None = None) -> Iterator[Record]:
        self.asked.append((since, until))
        yield from (Record(0, offset, value) for offset, value in enumerate(self._values))


class Torn:
    """A run whose log was cut after its first line when the power went."""

    def __init__(self, folder: Path) -> None:
        run = begin(folder, Clock(folder / "clock.json", lambda: BEGUN), Settings().edge)
        for number in range(3):
            run.log.append("m", [AcceptedEvent(f"e{number}", "s", "page.viewed", 1, "{}")])
        run.log.lines.roll()
        path = run.log.lines.path(0)
        self.whole = path.read_bytes()
        self.lines = self.whole.splitlines()
        path.write_bytes(self.lines[0] + b"\n" + self.lines[1][:10])
        self.path = path
        self.run = Incarnation(run.folder, Clock(folder / "clock.json"), Settings().edge, ended=True)


@pytest.fixture
def torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Torn:
    monkeypatch.setattr(healer, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(healer, "CLOCK_SECONDS", 0.0)
    monkeypatch.setattr(machine, "booted_at", lambda: LATER)
    found = Torn(tmp_path)
    monkeypatch.setattr(machine, "boot_id", lambda: "another")
    return found


def heal(torn: Torn, topic: Topic, monkeypatch: pytest.MonkeyPatch, clock_trusted: bool = True) -> list[Incarnation]:
    monkeypatch.setattr(healer, "scan", topic.scan)
    healed: list[Incarnation] = []
    one = Healer(Settings(), [torn.run], healed.append, lambda: clock_trusted)
    one.start()
    deadline = time.monotonic() + 20
    while one.torn:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    one.stop(5)
    return healed


def test_it_waits_for_kafka_and_puts_back_what_is_lost(torn: Torn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert torn.run.torn
    topic = Topic([b"garbage", frame_of(torn.lines), torn.lines[2]], failures=3)
    (whole,) = heal(torn, topic, monkeypatch)
    assert torn.path.read_bytes() == torn.whole
    assert (whole.log.next, whole.torn) == (3, False)


def test_it_reads_from_the_last_line_to_the_machines_start(torn: Torn, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = Topic([])
    (whole,) = heal(torn, topic, monkeypatch)
    assert (whole.log.next, whole.torn) == (1, False)
    ((since, until),) = topic.asked
    assert since == BEGUN // 1000
    assert until is not None
    assert LATER // 1000 < until < LATER // 1000 + 120_000


@pytest.mark.parametrize(("trusted", "booted"), [(False, LATER), (True, BEGUN - 86_400_000_000)])
def test_it_reads_to_the_end_if_that_start_is_not_known(
    torn: Torn, monkeypatch: pytest.MonkeyPatch, trusted: bool, booted: int
) -> None:
    """The clock is wrong, or the disk is in another machine now."""
    monkeypatch.setattr(machine, "booted_at", lambda: booted)
    topic = Topic([])
    heal(torn, topic, monkeypatch, trusted)
    assert topic.asked == [(BEGUN // 1000, None)]
