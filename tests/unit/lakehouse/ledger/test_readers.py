"""What edges, manifests and Kafka records say, as runs."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.kafka_scan import Record
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, EdgeLedger, RawManifest, Watermark, frame_of
from lakehouse.ledger import read_edges
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Run, Stream
from lakehouse.ledger.read_kafka import runs_of

HOUR = 498_742  # 2026-11-23T22
STREAM = "00000000000000aa"
LAYOUT = Layout("/w")


def batch(first: int, count: int, segment: str = f"{STREAM}-0") -> bytes:
    event = AcceptedEvent("id", "/s", "page.viewed", 0, "{}")
    return msgspec.json.encode(
        AcceptedBatch("edge-1", segment, first, HOUR * MICROSECONDS_PER_HOUR, "m", [event] * count)
    )


def manifest(number: int, first: int, count: int, hours: dict[str, int] | None = None) -> RawManifest:
    return RawManifest(
        edge="edge-1",
        segment=f"{STREAM}-{number}",
        first=first,
        last=first + count - 1,
        count=count,
        bytes=1,
        checksum="",
        hours=hours or {"2026-11-23T22": count},
        first_accepted_at=HOUR * MICROSECONDS_PER_HOUR,
        last_accepted_at=HOUR * MICROSECONDS_PER_HOUR,
    )


def ledger(raw_mark: int) -> EdgeLedger:
    return EdgeLedger("edge-1", STREAM, 30, {"2026-11-23T22": 30}, raw_mark, raw_mark)


def test_kafka_records_become_runs_and_neighbours_are_joined() -> None:
    mark = msgspec.json.encode(Watermark("edge-1", STREAM, 0, 1))
    values = [batch(0, 5), mark, batch(5, 2), b"garbage", batch(9, 1), batch(0, 5), batch(20, 0)]
    runs = list(runs_of(Record(0, offset, value) for offset, value in enumerate(values)))
    segment = f"{STREAM}-0"
    assert sorted(runs) == [
        Run("edge-1", segment, 0, 4, HOUR),
        Run("edge-1", segment, 0, 6, HOUR),
        Run("edge-1", segment, 9, 9, HOUR),
    ]


def test_a_frame_holds_the_positions_of_its_lines() -> None:
    each = [batch(0, 5), batch(5, 2), b"\xff", batch(9, 1), batch(20, 0)]
    alone = runs_of(Record(0, offset, line) for offset, line in enumerate(each))
    assert list(runs_of([Record(0, 0, frame_of(each))])) == list(alone)
    assert list(runs_of([Record(0, 0, frame_of(each[:2])), Record(0, 1, batch(7, 2))])) == [
        Run("edge-1", f"{STREAM}-0", 0, 8, HOUR)
    ]


def test_a_manifest_gives_a_run_an_hour() -> None:
    two_hours = manifest(0, 10, 5, {"2026-11-23T22": 2, "2026-11-23T23": 3})
    segment = f"{STREAM}-0"
    assert list(read_edges.raw_runs([two_hours])) == [
        Run("edge-1", segment, 10, 11, HOUR),
        Run("edge-1", segment, 12, 14, HOUR + 1),
    ]


@pytest.mark.parametrize("wrong", [{"count": 4}, {"hours": {"2026-11-23T22": 6}}])
def test_a_manifest_that_contradicts_itself_commits_nothing(wrong: dict[str, object]) -> None:
    assert list(read_edges.raw_runs([msgspec.structs.replace(manifest(0, 10, 5), **wrong)])) == []


def test_a_hole_is_told_once_the_edge_says_that_it_is_shipped() -> None:
    manifests = [manifest(0, 0, 10), manifest(2, 20, 10)]
    after, before = (HOUR + 1) * MICROSECONDS_PER_HOUR, HOUR * MICROSECONDS_PER_HOUR
    assert list(read_edges.raw_holes(manifests, [ledger(before)])) == []
    assert list(read_edges.raw_holes(manifests, [ledger(after)])) == [Run("edge-1", STREAM, 10, 19, HOUR)]
    assert list(read_edges.raw_holes([*manifests, manifest(1, 10, 10)], [ledger(after)])) == []


def test_documents_are_found_where_the_edges_put_them(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    said, shipped = ledger(5), manifest(0, 0, 30)
    files.write(LAYOUT.edge_ledger("edge-1", STREAM), msgspec.json.encode(said))
    files.write(LAYOUT.raw_manifest("2026-11-23", shipped.segment), msgspec.json.encode(shipped))
    files.write(LAYOUT.raw_file("2026-11-23", shipped.segment), b"")
    assert list(read_edges.read_ledgers(files, LAYOUT)) == [said]
    assert list(read_edges.read_manifests(files, LAYOUT)) == [shipped]
    assert list(read_edges.read_manifests(files, LAYOUT, date(2026, 11, 23))) == [shipped]
    assert list(read_edges.read_manifests(files, LAYOUT, date(2026, 11, 24))) == []


def test_holes_are_looked_for_from_where_the_reading_begins() -> None:
    manifests, told = [manifest(2, 20, 10)], [ledger((HOUR + 1) * MICROSECONDS_PER_HOUR)]
    assert list(read_edges.raw_holes(manifests, told)) == [Run("edge-1", STREAM, 0, 19, HOUR)]
    assert list(read_edges.raw_holes(manifests, told, {Stream("edge-1", STREAM): 20})) == []
    assert list(read_edges.raw_holes(manifests, told, {Stream("edge-1", STREAM): 15})) == [
        Run("edge-1", STREAM, 15, 19, HOUR)
    ]
