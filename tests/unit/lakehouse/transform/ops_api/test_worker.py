"""Operations are carried out until there is a result, and once: over a local file system."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.errors import LakehouseError, NotReadyError, RefusedError
from lakehouse.releases.model import GoldVersion, ReleaseKind
from lakehouse.settings import Settings
from lakehouse.transform.backfill import plan
from lakehouse.transform.backfill.plan import ReprocessRequest, Source
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.maintenance import drop
from lakehouse.transform.ops_api import requests, responses
from lakehouse.transform.ops_api import worker as worker_module
from lakehouse.transform.ops_api.operations import End
from lakehouse.transform.publishing import promote
from lakehouse.transform.publishing.publish import following, publish_snapshot
from tests.support.promoted_warehouse import PromotedWarehouse
from tests.support.release_documents import snapshot


def test_a_rollback_whose_result_was_lost_is_not_done_twice(warehouse: PromotedWarehouse) -> None:
    operation = warehouse.give(requests.Rollback(reason="tax"))
    result = warehouse.carry(operation)
    assert (result.end, result.release, result.gold_version) == (End.DONE, 3, 1)
    warehouse.files.delete(warehouse.layout.operation_result(operation.id))
    again = warehouse.carry(operation)
    assert (again.end, again.release) == (End.DONE, 3)
    published = warehouse.log.current()
    assert published is not None
    said = published.release
    assert (published.number, said.operation, said.actor, said.reason) == (3, operation.id, "olga", "tax")
    assert warehouse.shown == [3, 3]


def test_the_result_is_still_found_after_other_releases(warehouse: PromotedWarehouse) -> None:
    operation = warehouse.give(requests.Rollback())
    warehouse.carry(operation)
    warehouse.files.delete(warehouse.layout.operation_result(operation.id))
    assert warehouse.carry(warehouse.give(requests.Rollback(to=ReleaseNumber(2)), seen=ReleaseNumber(3))).release == 4
    assert warehouse.carry(operation).release == 3


def test_what_another_operator_did_since_the_order_was_given_refuses_it(warehouse: PromotedWarehouse) -> None:
    early = warehouse.give(requests.Rollback())
    assert warehouse.carry(warehouse.give(requests.Rollback())).release == 3
    result = warehouse.carry(early)
    assert result.end is End.REFUSED
    assert "release 3 (rollback of gold version 1 by olga) was published meanwhile" in str(result.message)
    promoting = warehouse.carry(warehouse.give(requests.Promote(GoldVersionNumber(2))))
    assert (promoting.end, promoting.gold_version) == (End.REFUSED, 2)
    assert "meanwhile" in str(promoting.message)


def test_a_refusal_is_a_result(warehouse: PromotedWarehouse) -> None:
    result = warehouse.carry(warehouse.give(requests.Rollback(to=ReleaseNumber(9))), attempts=5)
    assert (result.end, result.release) == (End.REFUSED, None)
    assert "release 9 does not exist" in str(result.message)
    assert warehouse.carry(warehouse.give(requests.Promote(GoldVersionNumber(9)))).end is End.REFUSED
    assert "name a `definition`" in str(warehouse.carry(warehouse.give(requests.Reprocess())).message)


def test_a_rollback_says_how_stale_it_is(warehouse: PromotedWarehouse) -> None:
    """As the command does; and again, should its result have been lost."""
    fresh = warehouse.carry(warehouse.give(requests.Rollback()))
    assert (fresh.message, fresh.seconds_behind) == (None, 0)
    hour = 3_600_000_000
    newer = snapshot(1, 2, complete_through=900 + 5 * hour + hour // 2)
    warehouse.versions.add_snapshot(newer)
    publish_snapshot(warehouse.log, warehouse.versions.get(GoldVersionNumber(1)), newer)
    operation = warehouse.give(requests.Rollback(to=ReleaseNumber(2)), seen=ReleaseNumber(4))
    for _ in range(2):
        stale = warehouse.carry(operation)
        assert (stale.end, stale.release, stale.seconds_behind) == (End.DONE, 5, 19_800)
        assert stale.message == "Gold version 2 is 5.5 hours behind; the next cycles bring it up to date."
        warehouse.files.delete(warehouse.layout.operation_result(operation.id))
    document = responses.operation(operation, None, stale, None)
    assert (document["state"], document["message"], document["seconds_behind"]) == ("done", stale.message, 19_800)


class Failing:
    """Stands for a call that fails some times, then does what it is asked to."""

    def __init__(self, *errors: LakehouseError, then: Callable[..., None] = lambda *_: None) -> None:
        self.errors = list(errors)
        self.then = then
        self.calls = 0

    def __call__(self, *arguments: object) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        self.then(*arguments)


def test_what_may_pass_is_tried_again(warehouse: PromotedWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    dropping = Failing(NotReadyError("away"), NotReadyError("away"))
    monkeypatch.setattr(drop, "drop", dropping)
    operation = warehouse.give(requests.Drop(GoldVersionNumber(2)))
    assert warehouse.carry(operation, attempts=3).end is End.DONE
    assert dropping.calls == 3
    note = warehouse.operations.note(operation.id)
    assert note is not None
    assert note.message == "attempt 2 of 3 failed, and is repeated: away"
    monkeypatch.setattr(drop, "drop", Failing(NotReadyError("away"), NotReadyError("still away")))
    given_up = warehouse.carry(warehouse.give(requests.Drop(GoldVersionNumber(2))), attempts=2)
    assert (given_up.end, given_up.message) == (End.FAILED, "still away")
    monkeypatch.setattr(drop, "drop", Failing(LakehouseError("damaged")))
    damaged = warehouse.carry(warehouse.give(requests.Drop(GoldVersionNumber(2))), attempts=9)
    assert (damaged.end, damaged.message) == (End.FAILED, "damaged")


def test_a_reprocess_keeps_its_gold_version(warehouse: PromotedWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it builds, also when what it has taken up was another's and is done meanwhile."""
    carried: list[int] = []

    def carry_out(_: Settings, version: GoldVersion, say: Callable[[str], None]) -> None:
        carried.append(version.version)
        if len(carried) == 1:
            raise KeyboardInterrupt
        say("built")

    monkeypatch.setattr(worker_module, "carry_out", carry_out)
    operation = warehouse.give(requests.Reprocess(), definition="f" * 64)
    with pytest.raises(KeyboardInterrupt):
        warehouse.carry(operation)
    result = warehouse.carry(operation)
    assert (result.end, result.gold_version, carried) == (End.DONE, 3, [3, 3])
    planned = warehouse.versions.get(GoldVersionNumber(3)).plan
    assert planned is not None
    assert (planned.operation, planned.actor) == (operation.id, "olga")
    warehouse.files.delete(warehouse.layout.operation_note(operation.id))
    warehouse.files.delete(warehouse.layout.operation_result(operation.id))
    assert warehouse.carry(operation).gold_version == 3
    assert warehouse.versions.numbers() == [1, 2, 3]


def test_a_frozen_definition_is_planned_by_its_fingerprint(warehouse: PromotedWarehouse, tmp_path: Path) -> None:
    builder = Builder(warehouse.settings, warehouse.files)
    version = plan.plan(builder, ReprocessRequest(Source.BRONZE, "olga", fingerprint="f" * 64))
    assert version.definition.fingerprint == "f" * 64
    with pytest.raises(RefusedError, match="no frozen definition"):
        plan.plan(builder, ReprocessRequest(Source.BRONZE, "olga", fingerprint="a" * 64))


def test_bounds_in_the_future_are_refused(warehouse: PromotedWarehouse) -> None:
    builder, tomorrow = Builder(warehouse.settings, warehouse.files), datetime.now(UTC) + timedelta(days=1)
    before = warehouse.versions.numbers()
    with pytest.raises(RefusedError, match="lies in the future"):
        plan.plan(builder, ReprocessRequest(Source.BRONZE, "olga", since=tomorrow, fingerprint="f" * 64))
    assert warehouse.versions.numbers() == before


def test_a_promote_is_found_by_its_order(warehouse: PromotedWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = warehouse.give(requests.Promote(GoldVersionNumber(1), reason="back"))
    version = warehouse.versions.get(GoldVersionNumber(1))
    newest = warehouse.versions.latest_snapshot(GoldVersionNumber(1))
    assert newest is not None
    release = following(
        warehouse.log.current(), version, newest, ReleaseKind.PROMOTE, actor="olga", operation=operation.id
    )
    warehouse.log.append(release)
    monkeypatch.setattr(promote.Promote, "run", Failing(LakehouseError("must not be called")))
    assert warehouse.carry(operation).release == 3
