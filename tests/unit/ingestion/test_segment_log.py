"""Positions and the log under them: no gap, no loss of what was acknowledged, whatever is torn off."""

import itertools
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.append_log import AppendLog
from ingestion.clock import Clock
from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope
from ingestion.fast_decode import Sender
from ingestion.incarnation import DONE, Incarnation, begin
from ingestion.pseudonyms import PseudonymsByDay
from ingestion.segment_log import MAX_LINE_BYTES, SegmentLog
from ingestion.tail_cache import Cursor
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent
from lakehouse.errors import NotReadyError, RefusedError
from lakehouse.settings import EdgeSettings
from tests.support.valid_events import NOW, encode, order

ID = "ab" * 8
EDGE = EdgeSettings()


def batch(count: int, note: str = "x") -> list[AcceptedEvent]:
    return [AcceptedEvent(f"e{n}", "s", "page.viewed", 1, f'{{"note":"{note}"}}') for n in range(count)]


def open_log(folder: Path, max_bytes: int = 1 << 20, first: int = 0) -> SegmentLog:
    clock = Clock(folder.parent / "clock.json")
    return SegmentLog(folder, "edge-1", ID, clock, max_bytes, folder.with_name("damaged"), first)


def written(log: AppendLog) -> Iterator[AcceptedBatch]:
    """Everything in a log, read from disk."""
    for number in sorted(log.sizes):
        for line in log.path(number).read_bytes().splitlines():
            yield msgspec.json.decode(line, type=AcceptedBatch)


def drain(log: AppendLog, cursor: Cursor, limit: int = 1) -> list[bytes]:
    lines: list[bytes] = []
    while found := log.read(cursor, limit):
        lines += [line.text for line in found]
        cursor = found[-1].end
    return lines


def test_positions_have_no_gap_when_many_append_at_once(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log")
    positions: list[tuple[int, int]] = []

    def work(number: int) -> None:
        for size in range(1, 40):
            position = log.append(f"m{number}", batch(size % 5 + 1))
            positions.append((position.first, position.last))
            if size % 10 == 0:
                log.seal()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    positions.sort()
    assert positions[0][0] == 0
    assert all(last + 1 == first for (_, last), (first, _) in itertools.pairwise(positions))
    batches = list(written(log.lines))
    assert [one.first for one in batches] == [first for first, _ in positions]
    assert [one.accepted_at for one in batches] == sorted(one.accepted_at for one in batches)
    assert all(one.segment.startswith(ID) for one in batches)
    segments = [log.segments[number] for number in sorted(log.segments)]
    assert [one.next for one in segments[:-1]] == [one.first for one in segments[1:]]
    assert sum(sum(one.hours.values()) for one in segments) == log.next


def test_recovery_at_every_byte_of_the_tail(tmp_path: Path) -> None:
    """Cut anywhere in the last segment: every whole line is there, the torn one is not, and nothing else happens."""
    log = open_log(tmp_path / "log")
    ends = [0]
    log.append("m", batch(2))
    log.seal()
    for size in (1, 3, 2):
        ends.append(log.append("m", batch(size, "é\\n")).end.offset)
    log.lines.roll()
    data = log.lines.path(1).read_bytes()
    assert len(data) == ends[-1]
    for size in range(len(data) + 1):
        copy = tmp_path / f"cut{size}" / "log"
        shutil.copytree(tmp_path / "log", copy)
        (copy / log.lines.path(1).name).write_bytes(data[:size])
        recovered = open_log(copy)
        whole = sum(end <= size for end in ends[1:])
        assert recovered.next == 2 + [0, 1, 4, 6][whole]
        assert len(drain(recovered.lines, recovered.lines.first())) == 1 + whole
        shutil.rmtree(copy.parent)


@settings(max_examples=50)
@given(tail=st.binary(min_size=1, max_size=80))
def test_recovery_survives_any_garbage_at_the_end(tmp_path_factory: pytest.TempPathFactory, tail: bytes) -> None:
    folder = tmp_path_factory.mktemp("log") / "log"
    log = open_log(folder)
    log.append("m", batch(3))
    log.lines.roll()
    with log.lines.path(0).open("ab") as file:
        file.write(tail)
    recovered = open_log(folder)
    assert recovered.next == 3
    assert len(drain(recovered.lines, recovered.lines.first())) == 1


def test_a_full_disk_takes_no_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path / "log")
    log.append("m", batch(2))
    real = os.pwrite

    def half_then_full(handle: int, data: bytes, offset: int) -> int:
        if offset > start:
            raise OSError(28, "No space left on device")
        return real(handle, data[: len(data) // 2], offset)

    start = log.lines.end.offset
    monkeypatch.setattr("os.pwrite", half_then_full)
    with pytest.raises(NotReadyError, match="Free space"):
        log.append("m", batch(5))
    monkeypatch.undo()
    assert log.append("m", batch(1)).first == 2
    assert [one.first for one in written(log.lines)] == [0, 2]


def test_stamps_never_go_back(tmp_path: Path) -> None:
    wall = [1000]
    clock = Clock(tmp_path / "clock.json", lambda: wall[0])
    assert clock.now() == 1000
    wall[0] = 10
    assert clock.now() == 1000
    clock.keep(5000)
    assert Clock(tmp_path / "clock.json", lambda: wall[0]).now() == 5000


@settings(max_examples=60)
@given(
    steps=st.lists(st.sampled_from(["append", "append", "seal", "read", "forget"]), max_size=30),
    limit=st.integers(1, 2000),
)
def test_the_reader_sees_every_line_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], limit: int
) -> None:
    """From memory or from disk, over the ends of files, at any speed."""
    log = open_log(tmp_path_factory.mktemp("log") / "log")
    sent: list[int] = []
    seen: list[int] = []
    cursor = log.lines.first()
    for step in [*steps, *["read"] * (len(steps) + 1)]:
        if step == "append":
            sent.append(log.append("m", batch(1)).first)
        elif step == "seal":
            log.seal()
        elif step == "forget":
            log.lines._cache.clear()
        else:
            for line in log.lines.read(cursor, limit):
                seen.append(msgspec.json.decode(line.text, type=AcceptedBatch).first)
                cursor = line.end
    assert seen == sent


def test_a_low_mark_speaks_of_what_is_delivered_only(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log")
    first = log.append("m", batch(1))
    second = log.append("m", batch(1))
    stamps = [one.accepted_at for one in written(log.lines)]
    assert log.watermark(Cursor(0, 0)) == stamps[0]
    assert log.watermark(first.end) == stamps[1]
    mark = log.watermark(second.end)
    assert mark >= stamps[1]
    log.append("m", batch(1))
    assert next(reversed(list(written(log.lines)))).accepted_at >= mark


def test_an_ended_run_is_counted_whole_after_a_crash_between_sum_and_deletion(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock.json")
    run = begin(tmp_path, clock, EDGE)
    for size in (2, 3):
        run.log.append("m", batch(size))
        run.log.seal()
    run.log.append("m", batch(4))
    run.shipped = {0}
    run.accepted_outbox.delivered = run.log.lines.end
    kept = run.log.lines.path(0).read_bytes()
    run.delete_delivered()
    assert not run.log.lines.path(0).exists()
    run.log.lines.path(0).write_bytes(kept)
    again = Incarnation(run.folder, clock, EDGE, ended=True)
    ledger = again.ledger(1)
    assert ledger.next == 9
    assert sum(ledger.hours.values()) == 9
    assert sorted(again.log.segments) == [1, 2]
    assert not ledger.closed


def test_a_folder_goes_only_when_nothing_is_owed(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock.json")
    run = begin(tmp_path, clock, EDGE)
    run.log.append("m", batch(2))
    run.rejected.append(b"{}")
    run.end()

    def owes() -> bool:
        run.delete_delivered()
        return not run.finish()

    assert owes()
    run.shipped = {0}
    assert owes()
    assert not run.owes_watermarks
    run.accepted_outbox.delivered = Cursor(0, run.log.lines.sizes[0])
    assert run.owes_watermarks
    assert owes()
    run.record_closed_watermarks()
    assert owes()
    assert run.ledger(1).closed
    run.record_closed_ledger()
    assert owes()
    run.rejected_outbox.delivered = run.rejected.end
    assert not owes()
    assert not run.folder.exists()


def test_no_body_makes_a_line_that_no_broker_takes() -> None:
    """Escapes and hashes make a line longer than its body; at worst it still fits into a record."""
    filler = {
        "hashes": b'{"visitor_id":1},' * 3800 + b"{}",
        "quotes": b'"",' * 21_500 + b'""',
        "escapes": b'"' + b'\\"' * 32_300 + b'"',
        "controls": b'"' + b"\\u0001" * 10_800 + b'"',
    }
    envelope = Envelope(EDGE, PseudonymsByDay({0: b"k" * 32}))
    for content in filler.values():
        one = encode(order(note=[])).replace(b'"note":[]', b'"note":[' + content + b"]")
        assert 64_000 < len(one) <= EDGE.max_event_bytes
        body = b"[" + b",".join([one] * 15) + b"]"
        reading = envelope.read(ContentMode.BATCH, body, [], Sender("m" * 64), NOW)
        assert len(reading.events) == 15
        batch = AcceptedBatch("edge-1", f"{ID}-0", 0, NOW, "m" * 64, reading.events)
        assert len(msgspec.json.encode(batch)) * 16 / 15 < MAX_LINE_BYTES


def test_a_line_that_no_broker_takes_is_refused_without_a_position(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log")
    with pytest.raises(RefusedError):
        log.append("m", batch(1, "x" * MAX_LINE_BYTES))
    assert log.append("m", batch(1)).first == 0


def test_half_a_deleted_folder_is_not_taken_for_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(tmp_path, Clock(tmp_path / "clock.json"), EDGE)
    run.end()
    run.record_closed_watermarks()
    run.record_closed_ledger()
    monkeypatch.setattr("shutil.rmtree", lambda path: (path / "progress.json").unlink())
    assert run.finish()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [run.id + DONE]
