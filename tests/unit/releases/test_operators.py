"""What operators and cycles may publish after each other, on a local file system."""

from pathlib import Path

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import RefusedError
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import (
    BronzeCursor,
    Definition,
    Drop,
    GoldVersion,
    Plan,
    Reason,
    Snapshot,
    TableState,
    new_nonce,
)
from lakehouse.releases.publishing.publish import following, publish_snapshot, refuse_after_another_operator
from lakehouse.releases.publishing.rollback import Return, rollback
from lakehouse.releases.standing import Standing, stands
from lakehouse.releases.versions import Versions

LAYOUT = Layout("/w")


class Warehouse:
    def __init__(self, folder: Path) -> None:
        self.files = LocalFiles(folder)
        self.versions = Versions(self.files, LAYOUT)

    @property
    def log(self) -> ReleaseLog:
        return ReleaseLog(self.files, LAYOUT)

    def version(self, plan: Plan | None = None) -> GoldVersion:
        return self.versions.create(Definition("f" * 64), plan)

    def snapshot(self, version: GoldVersion, built_before: int | None = None) -> Snapshot:
        number = len(self.versions.snapshot_numbers(version.version)) + 1
        tables = {"gold.merchant_sales": TableState(f"gold_v{version.version}", f"/t{version.version}", number)}
        cursor = BronzeCursor(1, number)
        made = Snapshot(
            version.version, number, cursor, tables, [], {}, 900 * number, True, [], new_nonce(), built_before
        )
        self.versions.add_snapshot(made)
        return made

    def cycle(self, version: GoldVersion) -> Published | None:
        return publish_snapshot(self.log, version, self.snapshot(version))

    def promote(self, version: GoldVersion) -> Published:
        newest = self.versions.latest_snapshot(version.version)
        assert newest is not None
        return self.log.append(following(self.log.current(), version, newest, Reason.PROMOTE, actor="olga"))

    def standings(self) -> dict[int, Standing]:
        return {stand.number: stand.standing for stand in stands(self.versions, self.log.refresh())}


CANDIDATE = Plan("bronze", BronzeCursor(1, 1), None, "olga")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Version 1 is live with two releases, version 2 a candidate."""
    made = Warehouse(tmp_path)
    live, candidate = made.version(), made.version(CANDIDATE)
    made.cycle(live)
    made.cycle(live)
    made.snapshot(candidate)
    return made


def test_standings_follow_the_log(warehouse: Warehouse) -> None:
    building = warehouse.version(CANDIDATE)
    warehouse.snapshot(building, built_before=5)
    assert warehouse.standings() == {1: Standing.CURRENT, 2: Standing.CANDIDATE, 3: Standing.BUILDING}
    warehouse.promote(warehouse.versions.get(2))
    warehouse.versions.add_drop(Drop(3, "olga", None, 1, new_nonce()))
    assert warehouse.standings() == {1: Standing.FORMER, 2: Standing.CURRENT, 3: Standing.DROPPED}


def test_a_live_cycle_never_undoes_a_promote(warehouse: Warehouse) -> None:
    promoted = warehouse.promote(warehouse.versions.get(2))
    assert warehouse.cycle(warehouse.versions.get(1)) is None
    current = warehouse.log.current()
    assert current is not None
    assert current.number == promoted.number


def test_rollback_shows_the_newest_snapshot_of_the_version_before(warehouse: Warehouse) -> None:
    warehouse.promote(warehouse.versions.get(2))
    fed = warehouse.snapshot(warehouse.versions.get(1))
    back = rollback(warehouse.log, warehouse.versions, Return("olga", why="tax"))
    assert (back.release.gold_version, back.release.snapshot) == (1, fed.number)
    assert (back.release.reason, back.release.actor, back.release.why) == ("rollback", "olga", "tax")


def test_rollback_to_what_is_shown_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(RefusedError, match="nothing has been promoted"):
        rollback(warehouse.log, warehouse.versions, Return("olga"))
    with pytest.raises(RefusedError, match="already"):
        rollback(warehouse.log, warehouse.versions, Return("olga", to=1))


def test_an_exact_release_is_held(warehouse: Warehouse) -> None:
    held = rollback(warehouse.log, warehouse.versions, Return("olga", to=1, exact=True))
    assert (held.release.snapshot, held.release.held) == (1, True)
    assert warehouse.cycle(warehouse.versions.get(1)) is None
    with pytest.raises(RefusedError, match="already"):
        rollback(warehouse.log, warehouse.versions, Return("olga", to=1, exact=True))
    freed = rollback(warehouse.log, warehouse.versions, Return("olga", to=1))
    assert (freed.release.snapshot, freed.release.held) == (3, False)
    assert warehouse.cycle(warehouse.versions.get(1)) is not None


def test_a_dropped_version_is_not_shown_again(warehouse: Warehouse) -> None:
    warehouse.promote(warehouse.versions.get(2))
    warehouse.versions.add_drop(Drop(1, "olga", None, 1, new_nonce()))
    with pytest.raises(RefusedError, match="dropped"):
        rollback(warehouse.log, warehouse.versions, Return("olga"))


def test_of_two_operators_one_is_refused(warehouse: Warehouse) -> None:
    seen = warehouse.log.current()
    assert seen is not None
    cycled = warehouse.cycle(warehouse.versions.get(1))
    assert refuse_after_another_operator(warehouse.log, seen) == cycled
    warehouse.promote(warehouse.versions.get(2))
    with pytest.raises(RefusedError, match="promote of gold version 2 by olga"):
        refuse_after_another_operator(warehouse.log, seen)
