"""What operators and cycles may publish after each other, on a local file system."""

from pathlib import Path

import pytest

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.releases.model import Drop, new_nonce
from lakehouse.releases.version_status import Status
from lakehouse.transform.publishing.publish import publish_snapshot, refuse_after_another_operator
from lakehouse.transform.publishing.rollback import RollbackRequest, how_stale, rollback, seconds_behind
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> LoggedWarehouse:
    """Version 1 is live with two releases, version 2 a candidate."""
    made = LoggedWarehouse(tmp_path)
    live, candidate = made.version(), made.version(CANDIDATE)
    made.cycle(live)
    made.cycle(live)
    made.snapshot(candidate)
    return made


def test_standings_follow_the_log(warehouse: LoggedWarehouse) -> None:
    building = warehouse.version(CANDIDATE)
    warehouse.snapshot(building, built_before=5)
    assert warehouse.statuses() == {1: Status.CURRENT, 2: Status.CANDIDATE, 3: Status.BUILDING}
    warehouse.promote(warehouse.versions.get(GoldVersionNumber(2)))
    warehouse.versions.add_drop(Drop(GoldVersionNumber(3), "olga", None, 1, new_nonce()))
    assert warehouse.statuses() == {1: Status.FORMER, 2: Status.CURRENT, 3: Status.DROPPED}


def test_a_live_cycle_never_undoes_a_promote(warehouse: LoggedWarehouse) -> None:
    promoted = warehouse.promote(warehouse.versions.get(GoldVersionNumber(2)))
    assert warehouse.cycle(warehouse.versions.get(GoldVersionNumber(1))) is None
    current = warehouse.log.current()
    assert current is not None
    assert current.number == promoted.number


def test_rollback_shows_the_newest_snapshot_of_the_version_before(warehouse: LoggedWarehouse) -> None:
    warehouse.promote(warehouse.versions.get(GoldVersionNumber(2)))
    fed = warehouse.snapshot(warehouse.versions.get(GoldVersionNumber(1)))
    back = rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", reason="tax"))
    assert (back.release.gold_version, back.release.snapshot) == (1, fed.number)
    assert (back.release.kind, back.release.actor, back.release.reason) == ("rollback", "olga", "tax")


def test_rollback_to_what_is_shown_is_refused(warehouse: LoggedWarehouse) -> None:
    with pytest.raises(RefusedError, match="nothing has been promoted"):
        rollback(warehouse.log, warehouse.versions, RollbackRequest("olga"))
    with pytest.raises(RefusedError, match="already"):
        rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1)))


def test_an_exact_release_is_held(warehouse: LoggedWarehouse) -> None:
    held = rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1), exact=True))
    assert (held.release.snapshot, held.release.held) == (1, True)
    assert warehouse.cycle(warehouse.versions.get(GoldVersionNumber(1))) is None
    with pytest.raises(RefusedError, match="already"):
        rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1), exact=True))
    freed = rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1)))
    assert (freed.release.snapshot, freed.release.held) == (3, False)
    assert warehouse.cycle(warehouse.versions.get(GoldVersionNumber(1))) is not None


def test_what_is_held_is_not_brought_up_to_date(warehouse: LoggedWarehouse) -> None:
    live = warehouse.versions.get(GoldVersionNumber(1))
    publish_snapshot(warehouse.log, live, warehouse.snapshot(live, complete_through=7_200_000_900))
    held = rollback(warehouse.log, warehouse.versions, RollbackRequest("olga", to=ReleaseNumber(1), exact=True))
    assert how_stale(held, seconds_behind(warehouse.log, held)) == "Gold version 1 is 2.0 hours behind."


def test_a_dropped_version_is_not_shown_again(warehouse: LoggedWarehouse) -> None:
    warehouse.promote(warehouse.versions.get(GoldVersionNumber(2)))
    warehouse.versions.add_drop(Drop(GoldVersionNumber(1), "olga", None, 1, new_nonce()))
    with pytest.raises(RefusedError, match="dropped"):
        rollback(warehouse.log, warehouse.versions, RollbackRequest("olga"))


def test_what_has_lost_its_snapshots_is_not_shown_again(warehouse: LoggedWarehouse) -> None:
    """And the operator hears what else there is."""
    warehouse.promote(warehouse.versions.get(GoldVersionNumber(2)))
    for number in warehouse.versions.snapshot_numbers(GoldVersionNumber(1)):
        warehouse.files.delete(LAYOUT.snapshot(GoldVersionNumber(1), number))
    with pytest.raises(NotFoundError, match=r"release 2 showed, has no whole snapshot.*`rollback --to RELEASE`"):
        rollback(warehouse.log, warehouse.versions, RollbackRequest("olga"))
    assert len(warehouse.log.refresh()) == 3


def test_of_two_operators_one_is_refused(warehouse: LoggedWarehouse) -> None:
    seen = warehouse.log.current()
    assert seen is not None
    cycled = warehouse.cycle(warehouse.versions.get(GoldVersionNumber(1)))
    assert refuse_after_another_operator(warehouse.log, seen) == cycled
    warehouse.promote(warehouse.versions.get(GoldVersionNumber(2)))
    with pytest.raises(RefusedError, match="promote of gold version 2 by olga"):
        refuse_after_another_operator(warehouse.log, seen)
