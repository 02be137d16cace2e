"""Two versions are compared at the newest bronze commits at which both have an audited state."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.commit_info import PartitionRange
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import BronzeCursor, Definition, Snapshot
from lakehouse.releases.versions import Versions
from lakehouse.transform.diff.common_point import common_point
from lakehouse.transform.diff.request import sides_of
from lakehouse.transform.publishing.publish import publish_snapshot
from tests.support.release_documents import snapshot

LAYOUT = Layout("/lakehouse")


def audited(
    version: int, number: int, cursor: int, *, generation: int = 1, ends: tuple[int, ...] = (), part: bool = False
) -> Snapshot:
    offsets = {"events": {partition: PartitionRange(0, end) for partition, end in enumerate(ends)}}
    bronze = BronzeCursor(GenerationNumber(generation), cursor)
    return snapshot(version, number, bronze=bronze, offsets=offsets, built_before=5 if part else None)


def history(versions: Versions, version: int, slices: int, cursors: list[int]) -> list[Snapshot]:
    """Slices of the plan, which all name the first cursor, then states that hold all of theirs."""
    parts = [audited(version, n, cursors[0], part=True) for n in range(1, slices + 1)]
    whole = [audited(version, slices + n, cursor) for n, cursor in enumerate(cursors, 1)]
    for each in parts + whole:
        versions.add_snapshot(each)
    return whole


def growing() -> st.SearchStrategy[list[int]]:
    return st.sets(st.integers(0, 40), min_size=1, max_size=25).map(sorted)


@given(growing(), growing(), st.integers(0, 3), st.integers(0, 3), st.data())
@settings(max_examples=60)
def test_it_is_the_newest_point_of_both(
    left: list[int], right: list[int], left_slices: int, right_slices: int, data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        versions = Versions(LocalFiles(Path(folder)), LAYOUT)
        ours = history(versions, 1, left_slices, left)
        theirs = history(versions, 2, right_slices, right)
        wanted = data.draw(st.integers(0, len(ours) - 1)), data.draw(st.integers(0, len(theirs) - 1))
        shared = set(left[: wanted[0] + 1]) & set(right[: wanted[1] + 1])
        if not shared:
            with pytest.raises(RefusedError, match="lakehouse transform"):
                common_point(versions, ours[wanted[0]], theirs[wanted[1]])
            return
        one, other = common_point(versions, ours[wanted[0]], theirs[wanted[1]])
        assert one.bronze == other.bronze == BronzeCursor(FIRST_GENERATION, max(shared))
        assert (one.gold_version, other.gold_version) == (1, 2)


def test_another_generation_is_compared_by_offsets(tmp_path: Path) -> None:
    versions = Versions(LocalFiles(tmp_path), LAYOUT)
    for number, ends in enumerate([(5, 0), (10, 0), (20, 5), (30, 5)], 1):
        versions.add_snapshot(audited(1, number, 100 + number, ends=ends))
    for number, ends in enumerate([(10, 0), (25, 0)], 1):
        versions.add_snapshot(audited(2, number, 7 + number, generation=2, ends=ends))
    one, other = common_point(
        versions,
        versions.snapshot(GoldVersionNumber(1), SnapshotNumber(4)),
        versions.snapshot(GoldVersionNumber(2), SnapshotNumber(2)),
    )
    assert (one.number, other.number) == (2, 1), "equal in sum is not equal in every partition"


def test_a_state_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    versions = Versions(files, LAYOUT)
    versions.create(Definition("a" * 64))
    versions.add_snapshot(audited(1, 1, 3, part=True))
    with pytest.raises(RefusedError, match="not built yet"):
        sides_of(files, LAYOUT, GoldVersionNumber(1), None)


def test_a_release_from_before_the_candidates_time_stands_for_its_version(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    versions, log = Versions(files, LAYOUT), ReleaseLog(files, LAYOUT)
    shown = versions.create(Definition("a" * 64))
    versions.create(Definition("b" * 64))
    for state in history(versions, 1, 0, [1, 2, 3]):
        publish_snapshot(log, shown, state)
    history(versions, 2, 2, [3])
    release, left, right = sides_of(files, LAYOUT, GoldVersionNumber(2), ReleaseNumber(1))
    assert (release.number, left.number, right.number) == (1, 3, 3)
    assert left.bronze == right.bronze


@pytest.mark.parametrize(("version", "against"), [(1, None), (7, None)])
def test_there_is_something_to_compare(
    tmp_path: Path, version: GoldVersionNumber, against: ReleaseNumber | None
) -> None:
    files = LocalFiles(tmp_path)
    Versions(files, LAYOUT).create(Definition("a" * 64))
    with pytest.raises(RefusedError):
        sides_of(files, LAYOUT, version, against)
