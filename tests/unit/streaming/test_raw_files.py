"""Which raw files are taken: committed, sound, unknown, whole."""

import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.clients.files import LocalFiles
from lakehouse.clients.raw_files import commit
from lakehouse.contracts.layout import Layout
from lakehouse.contracts.records import RawEncoding, RawManifest
from streaming.known_batches import NOTHING, held_by
from streaming.raw_files import MOST_FILES, DamagedRawFileError, RawFile, check, groups, missing

LAYOUT = Layout("/lakehouse")
DATA = b'{"kind":"batch"}\n'


def manifest(segment: str, count: int = 3, at: int = 0, data: bytes = DATA) -> RawManifest:
    checksum = hashlib.sha256(data).hexdigest()
    return RawManifest("e", segment, 0, count - 1, count, len(data), checksum, {"2026-11-23T10": count}, at, at)


def ship(files: LocalFiles, found: RawManifest, date: str = "2026-11-23", committed: bool = True) -> None:
    files.write(LAYOUT.raw_file(date, found.segment, RawEncoding(found.encoding)), DATA)
    if committed:
        files.write(LAYOUT.raw_manifest(date, found.segment), msgspec.json.encode(found))


def test_committed_files_that_are_not_known_oldest_first(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    ship(files, manifest("ab-2", at=5), "2026-11-24")
    ship(files, manifest("cd-0", at=3))
    ship(files, manifest("ab-1", at=1))
    ship(files, manifest("ab-3"), committed=False)
    ship(files, msgspec.structs.replace(manifest("ab-4"), last=7))
    found = missing(files, LAYOUT, held_by([manifest("ab-1")]))
    assert [each.manifest.segment for each in found] == ["cd-0", "ab-2"]
    assert [files.read(each.path) for each in found] == [DATA, DATA]


def test_files_from_bronze_are_taken_beside_the_edges_own_and_once(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    own = manifest("ab-1")
    later = msgspec.structs.replace(own, encoding="zstd", from_bronze=True)
    fills = [msgspec.structs.replace(later, first=n, last=n + 2, first_accepted_at=n) for n in (3, 6)]
    ship(files, own)
    for fill in fills:
        commit(files, LAYOUT, fill, DATA, f"ab-1.{fill.first:016x}")
    for done in range(4):
        found = missing(files, LAYOUT, held_by([own, *fills][:done]))
        assert [each.manifest for each in found] == [own, *fills][done:]
        assert [files.read(each.path) for each in found] == [DATA] * (3 - done)


def test_what_an_edge_has_shipped_after_all_is_not_taken_from_bronze_too(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    own = manifest("ab-1", 9)
    ship(files, own)
    fill = msgspec.structs.replace(own, first=2, last=4, count=3, hours={"2026-11-23T10": 3}, from_bronze=True)
    commit(files, LAYOUT, fill, DATA, "ab-1.00ff")
    assert [each.manifest for each in missing(files, LAYOUT, NOTHING)] == [own]
    assert missing(files, LAYOUT, held_by([own])) == []


def test_a_damaged_file_stops_the_build_and_says_which(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    ship(files, manifest("ab-0"))
    (raw,) = missing(files, LAYOUT, NOTHING)
    check(files, [raw])
    files.write(raw.path, DATA.replace(b"batch", b"botch"))
    with pytest.raises(DamagedRawFileError, match="ab-0"):
        check(files, [raw])


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 100))
def test_groups_are_bounded_keep_the_order_and_lose_nothing(counts: list[int], limit: int) -> None:
    raw = [RawFile(f"/{number}", manifest(f"ab-{number}", count)) for number, count in enumerate(counts)]
    found = list(groups(raw, limit))
    assert [each for group in found for each in group] == raw
    for group in found:
        assert len(group) == 1 or sum(each.manifest.count for each in group) <= limit


def test_a_group_has_not_too_many_small_files() -> None:
    raw = [RawFile(f"/{number}", manifest(f"ab-{number}", 1)) for number in range(MOST_FILES + 1)]
    assert [len(group) for group in groups(raw, 1_000_000)] == [MOST_FILES, 1]
