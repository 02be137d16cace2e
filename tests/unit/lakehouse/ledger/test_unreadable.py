"""A document that cannot be read costs its own edge alone, is named, and leaves no trace once it can be read again."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from lakehouse import instants
from lakehouse.clients.files import Entry, LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import Booked, EdgeLedger, RawGaps, RawManifest
from lakehouse.errors import NotReadyError
from lakehouse.ledger import documents
from lakehouse.ledger.edge_list import EdgeState, list_edges
from lakehouse.ledger.judge import Verdict, judge
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Evidence, Run, Stage, Stream, Unread
from lakehouse.ledger.raw_gaps import gap_runs, unfilled
from lakehouse.ledger.read_edges import raw_holes, raw_runs, read_ledgers, read_manifests
from lakehouse.ledger.retirement import Retirement, add_retirement, read_retirements

LAYOUT = Layout("/w")
HOUR = 490_000  # 2025-11-24T16
THROUGH = (HOUR + 2) * MICROSECONDS_PER_HOUR
GOOD, BAD = Stream("edge-1", "00000000000000aa"), Stream("edge-2", "00000000000000bb")
LEDGER, GAPS = LAYOUT.edge_ledger(*BAD), LAYOUT.raw_gaps(*BAD)
RETIRED, MANIFEST = LAYOUT.retirement(*BAD, 1), LAYOUT.raw_manifest("2025-11-24", f"{BAD.incarnation}-0")


class Hdfs(LocalFiles):
    """Some of whose paths are not served."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.away: set[str] = set()

    def read(self, path: str) -> bytes:
        self._serve(path)
        return super().read(path)

    def list(self, folder: str) -> list[Entry]:
        self._serve(folder)
        return super().list(folder)

    def _serve(self, path: str) -> None:
        if path in self.away:
            raise NotReadyError(f"HDFS did not serve {path}: permission denied")


@pytest.fixture
def files(tmp_path: Path) -> Hdfs:
    """Each edge has accepted twelve events in an hour: ten are in a raw file, one is a gap. The last one is in another
    raw file, or is lost with the bad edge's disk."""
    made = Hdfs(tmp_path)
    for stream in (GOOD, BAD):
        ledger = EdgeLedger(*stream, 12, {"2025-11-24T16": 12}, raw_mark=THROUGH, at=THROUGH)
        made.write(LAYOUT.edge_ledger(*stream), msgspec.json.encode(ledger))
        made.write(LAYOUT.raw_gaps(*stream), msgspec.json.encode(RawGaps(*stream, [Booked(HOUR, 10, 10)])))
        write_manifest(made, stream, 0, 0, 9)
    write_manifest(made, GOOD, 1, 11, 11)
    add_retirement(made, LAYOUT, Retirement(*BAD, 12, [Booked(HOUR, 11, 11)], [], "olga", "a fire", 1, "n"))
    return made


def write_manifest(files: Hdfs, stream: Stream, number: int, first: int, last: int) -> None:
    count, start = last - first + 1, HOUR * MICROSECONDS_PER_HOUR
    segment = f"{stream.incarnation}-{number}"
    hours = {"2025-11-24T16": count}
    manifest = RawManifest(stream.edge, segment, first, last, count, 1, "", hours, start, start)
    files.write(LAYOUT.raw_manifest("2025-11-24", segment), msgspec.json.encode(manifest))


def evidence(files: Hdfs) -> Evidence:
    """As it is gathered, with all that was delivered in the tables."""
    unread: list[Unread] = []
    ledgers = tuple(read_ledgers(files, LAYOUT, unread))
    retirements = read_retirements(files, LAYOUT, unread)
    gaps = unfilled(files, LAYOUT, retirements, unread)
    manifests = list(read_manifests(files, LAYOUT, unread=unread))
    runs = tuple(Run(*stream, 0, 10 + (stream == GOOD), HOUR) for stream in (GOOD, BAD))
    stages = dict.fromkeys((Stage.KAFKA, Stage.BRONZE, Stage.SILVER), runs)
    return Evidence(
        ledgers=ledgers,
        stages={**stages, Stage.RAW: tuple(raw_runs(manifests))},
        lost=tuple(run for one in retirements for run in one.runs(one.lost)),
        raw_gaps=tuple(gap_runs(gaps)),
        retired={one.stream: one.accepted for one in retirements},
        raw_holes=tuple(raw_holes(manifests, ledgers)),
        complete_through=THROUGH,
        unread=tuple(dict.fromkeys(unread)),
    )


def verdict(files: Hdfs) -> Verdict:
    return judge(evidence(files))


def torn(path: str) -> Callable[[Hdfs], None]:
    def tear(files: Hdfs) -> None:
        files.write(path, files.read(path)[:-7])

    return tear


def away(path: str) -> Callable[[Hdfs], None]:
    return lambda files: files.away.add(path)


def mend(files: Hdfs, path: str, whole: bytes) -> None:
    files.away.clear()
    files.write(path, whole)


@pytest.mark.parametrize(
    ("path", "named"),
    [(GAPS, GAPS), (RETIRED, RETIRED), (MANIFEST, MANIFEST)],
    ids=["gaps", "retirement", "manifest"],
)
@pytest.mark.parametrize("how", [torn, away])
def test_it_is_unproved_named_and_healed(
    files: Hdfs, path: str, named: str, how: Callable[[str], Callable[[Hdfs], None]]
) -> None:
    before, whole = verdict(files), files.read(path)
    assert before.balanced, before
    how(path)(files)
    found = verdict(files)
    assert not found.balanced
    assert {(one.stream, str(one.reason)) for one in found.unproved} == {(BAD, "unreadable")}
    assert found.unproved[0].hour == HOUR
    assert found.unproved[0].detail.startswith(f"{named} cannot be read: ")
    assert found.missing == [], "what cannot be judged is not called missing"
    assert found.totals["accepted"] >= 12, "the other edge's events are counted"
    mend(files, path, whole)
    assert verdict(files) == before


@pytest.mark.parametrize("how", [torn, away])
def test_of_one_that_is_not_retired_the_ledger_is_needed(
    files: Hdfs, how: Callable[[str], Callable[[Hdfs], None]]
) -> None:
    files.delete(RETIRED)
    write_manifest(files, BAD, 1, 11, 11)
    before, whole = verdict(files), files.read(LEDGER)
    assert {one.stage for one in before.missing} == {Stage.KAFKA}, "the twelfth event of the bad edge"
    how(LEDGER)(files)
    found = verdict(files)
    assert [(one.stream, one.hour, str(one.reason)) for one in found.unproved] == [
        (BAD, HOUR, "unreadable"),
        (BAD, HOUR + 1, "unreadable"),
    ]
    mend(files, LEDGER, whole)
    assert verdict(files) == before


@pytest.mark.parametrize("folder", [LAYOUT.edge_folder("edge-2"), LAYOUT.closed_ledgers("edge-2")])
def test_a_folder_that_cannot_be_listed_is_its_edges_alone(files: Hdfs, folder: str) -> None:
    files.away.add(folder)
    assert {one.stream for one in verdict(files).unproved} == {BAD}


def test_a_day_of_raw_files_that_cannot_be_listed_leaves_its_hours_unproved(files: Hdfs) -> None:
    files.away.add(LAYOUT.raw_folder("2025-11-24"))
    found = verdict(files)
    assert {(one.stream, one.hour) for one in found.unproved} == {(GOOD, HOUR), (BAD, HOUR)}
    assert found.missing == []


def test_hdfs_that_serves_nothing_is_broken_and_no_verdict(files: Hdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    files.away.add(LAYOUT.edges)
    with pytest.raises(NotReadyError):
        verdict(files)
    files.away.clear()
    monkeypatch.setattr(documents, "MOST_UNSERVED", 1)
    files.away |= {LAYOUT.edge_ledger(*GOOD), LEDGER}
    with pytest.raises(NotReadyError):
        verdict(files)


def test_who_must_have_all_is_told(files: Hdfs) -> None:
    torn(GAPS)(files)
    with pytest.raises(msgspec.DecodeError):
        unfilled(files, LAYOUT)


def test_edges_are_listed_beside_one_that_cannot_be_read(files: Hdfs) -> None:
    torn(LEDGER)(files)
    files.delete(RETIRED)
    good, bad = list_edges(files, LAYOUT, instants.now(), timedelta(minutes=10))
    assert (good.ledger.incarnation, good.problem, good.document()["accepted"]) == (GOOD.incarnation, None, 12)
    row = bad.document()
    assert (row["incarnation"], row["state"], row["accepted"]) == (BAD.incarnation, EdgeState.LIVE, None)
    assert row["problem"].startswith(f"{LEDGER} cannot be read: ")
