"""Orders are carried out until there is a result, and once: over a local file system, with processes that are not."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.layout import Layout
from lakehouse.errors import LakehouseError, NotReadyError, RefusedError
from lakehouse.releases import catalog
from lakehouse.releases.building.advance import Builder
from lakehouse.releases.door import order as order_module
from lakehouse.releases.door import wishes
from lakehouse.releases.door.carrier import CRASHES, REBUILDS, Carrier
from lakehouse.releases.door.order import ELSEWHERE, Carried
from lakehouse.releases.door.orders import End, Order, Orders, Result, new_id, now
from lakehouse.releases.locks import carrying_out, is_carried_out
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import (
    BronzeCursor,
    Definition,
    GoldVersion,
    Plan,
    Reason,
    Snapshot,
    TableState,
    new_nonce,
)
from lakehouse.releases.publishing import promote
from lakehouse.releases.publishing.publish import following
from lakehouse.releases.rebuilding import plan
from lakehouse.releases.rebuilding.plan import Source, Wish
from lakehouse.releases.upkeep import drop
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings


@dataclass
class Warehouse:
    """Version 1 was shown by release 1, version 2 was promoted by release 2."""

    settings: Settings
    files: LocalFiles
    shown: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, planned in ((1, None), (2, Plan("bronze", BronzeCursor(1, 1), None, "olga"))):
            version = self.versions.create(Definition("f" * 64), planned)
            tables = {"gold.merchant_sales": TableState(f"gold_v{number}", f"/t{number}", 1)}
            made = Snapshot(number, 1, BronzeCursor(1, 1), tables, [], {}, 900, True, [], new_nonce())
            self.versions.add_snapshot(made)
            reason = Reason.PROMOTE if planned else Reason.FIRST
            self.log.append(following(self.log.current(), version, made, reason, actor="olga"))

    @property
    def layout(self) -> Layout:
        return Layout(self.settings.warehouse)

    @property
    def log(self) -> ReleaseLog:
        return ReleaseLog(self.files, self.layout)

    @property
    def versions(self) -> Versions:
        return Versions(self.files, self.layout)

    @property
    def orders(self) -> Orders:
        return Orders(self.files, self.layout)

    def give(self, wish: wishes.Wish, seen: int | None = 2, definition: str | None = None) -> Order:
        order = Order(new_id("olga", None), wish, "olga", now(), new_nonce(), seen, definition)
        return self.orders.give(order)

    def carry(self, order: Order, attempts: int = 1) -> Result:
        return Carried(self.settings, self.files, order).run(attempts, pause=0)


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    made = Warehouse(Settings(home=tmp_path / "home"), LocalFiles(tmp_path / "hdfs"))

    def show(_: object, log: ReleaseLog) -> None:
        current = log.current()
        made.shown.append(current.number if current else 0)

    monkeypatch.setattr(catalog, "show_current", show)
    return made


def test_a_rollback_whose_result_was_lost_is_not_done_twice(warehouse: Warehouse) -> None:
    order = warehouse.give(wishes.Rollback(reason="tax"))
    result = warehouse.carry(order)
    assert (result.end, result.release, result.gold_version) == (End.DONE, 3, 1)
    warehouse.files.delete(warehouse.layout.order_result(order.id))
    again = warehouse.carry(order)
    assert (again.end, again.release) == (End.DONE, 3)
    published = warehouse.log.current()
    assert published is not None
    said = published.release
    assert (published.number, said.order, said.actor, said.why) == (3, order.id, "olga", "tax")
    assert warehouse.shown == [3, 3]


def test_the_result_is_still_found_after_other_releases(warehouse: Warehouse) -> None:
    order = warehouse.give(wishes.Rollback())
    warehouse.carry(order)
    warehouse.files.delete(warehouse.layout.order_result(order.id))
    assert warehouse.carry(warehouse.give(wishes.Rollback(to=2), seen=3)).release == 4
    assert warehouse.carry(order).release == 3


def test_what_another_operator_did_since_the_order_was_given_refuses_it(warehouse: Warehouse) -> None:
    early = warehouse.give(wishes.Rollback())
    assert warehouse.carry(warehouse.give(wishes.Rollback())).release == 3
    result = warehouse.carry(early)
    assert result.end is End.REFUSED
    assert "release 3 (rollback of gold version 1 by olga) was published meanwhile" in str(result.says)
    promoting = warehouse.carry(warehouse.give(wishes.Promote(2)))
    assert (promoting.end, promoting.gold_version) == (End.REFUSED, 2)
    assert "meanwhile" in str(promoting.says)


def test_a_refusal_is_a_result(warehouse: Warehouse) -> None:
    result = warehouse.carry(warehouse.give(wishes.Rollback(to=9)), attempts=5)
    assert (result.end, result.release) == (End.REFUSED, None)
    assert "release 9 does not exist" in str(result.says)
    assert warehouse.carry(warehouse.give(wishes.Promote(9))).end is End.REFUSED
    assert "name a `definition`" in str(warehouse.carry(warehouse.give(wishes.Reprocess())).says)


class Failing:
    """Stands for a call that fails some times, then does what is told."""

    def __init__(self, *errors: LakehouseError, then: Callable[..., None] = lambda *_: None) -> None:
        self.errors = list(errors)
        self.then = then
        self.calls = 0

    def __call__(self, *arguments: object) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        self.then(*arguments)


def test_what_may_pass_is_tried_again(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    dropping = Failing(NotReadyError("away"), NotReadyError("away"))
    monkeypatch.setattr(drop, "drop", dropping)
    order = warehouse.give(wishes.Drop(2))
    assert warehouse.carry(order, attempts=3).end is End.DONE
    assert dropping.calls == 3
    note = warehouse.orders.note(order.id)
    assert note is not None
    assert note.says == "attempt 2 of 3 failed, and is repeated: away"
    monkeypatch.setattr(drop, "drop", Failing(NotReadyError("away"), NotReadyError("still away")))
    given_up = warehouse.carry(warehouse.give(wishes.Drop(2)), attempts=2)
    assert (given_up.end, given_up.says) == (End.FAILED, "still away")
    monkeypatch.setattr(drop, "drop", Failing(LakehouseError("damaged")))
    damaged = warehouse.carry(warehouse.give(wishes.Drop(2)), attempts=9)
    assert (damaged.end, damaged.says) == (End.FAILED, "damaged")


def test_a_reprocess_keeps_its_gold_version(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it builds, also when what it has taken up was another's and is done meanwhile."""
    carried: list[int] = []

    def carry_out(_: Settings, version: GoldVersion, say: Callable[[str], None]) -> None:
        carried.append(version.version)
        if len(carried) == 1:
            raise KeyboardInterrupt
        say("built")

    monkeypatch.setattr(order_module, "carry_out", carry_out)
    order = warehouse.give(wishes.Reprocess(), definition="f" * 64)
    with pytest.raises(KeyboardInterrupt):
        warehouse.carry(order)
    result = warehouse.carry(order)
    assert (result.end, result.gold_version, carried) == (End.DONE, 3, [3, 3])
    planned = warehouse.versions.get(3).plan
    assert planned is not None
    assert (planned.order, planned.actor) == (order.id, "olga")
    warehouse.files.delete(warehouse.layout.order_note(order.id))
    warehouse.files.delete(warehouse.layout.order_result(order.id))
    assert warehouse.carry(order).gold_version == 3
    assert warehouse.versions.numbers() == [1, 2, 3]


def test_a_frozen_definition_is_planned_by_its_fingerprint(warehouse: Warehouse, tmp_path: Path) -> None:
    builder = Builder(warehouse.settings, warehouse.files)
    version = plan.plan(builder, Wish(Source.BRONZE, "olga", fingerprint="f" * 64))
    assert version.definition.fingerprint == "f" * 64
    with pytest.raises(RefusedError, match="no frozen definition"):
        plan.plan(builder, Wish(Source.BRONZE, "olga", fingerprint="a" * 64))


def test_bounds_in_the_future_are_refused(warehouse: Warehouse) -> None:
    builder, tomorrow = Builder(warehouse.settings, warehouse.files), datetime.now(UTC) + timedelta(days=1)
    before = warehouse.versions.numbers()
    with pytest.raises(RefusedError, match="lies in the future"):
        plan.plan(builder, Wish(Source.BRONZE, "olga", since=tomorrow, fingerprint="f" * 64))
    assert warehouse.versions.numbers() == before


def test_a_promote_is_found_by_its_order(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    order = warehouse.give(wishes.Promote(1, reason="back"))
    version = warehouse.versions.get(1)
    newest = warehouse.versions.latest_snapshot(1)
    assert newest is not None
    release = following(warehouse.log.current(), version, newest, Reason.PROMOTE, actor="olga", order=order.id)
    warehouse.log.append(release)
    monkeypatch.setattr(promote.Promote, "run", Failing(LakehouseError("must not be called")))
    assert warehouse.carry(order).release == 3


class Process:
    """``code`` is None while it runs."""

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = -15

    def wait(self) -> int:
        assert self.code is not None
        return self.code


@dataclass
class Started:
    """What a carrier has started, and its clock."""

    processes: list[tuple[str, Process]] = field(default_factory=list)
    now: float = 0.0

    def start(self, order: str) -> Process:
        self.processes.append((order, Process()))
        return self.processes[-1][1]

    @property
    def orders(self) -> list[str]:
        return [order for order, _ in self.processes]


def carrier(warehouse: Warehouse, started: Started, stop: threading.Event | None = None) -> Carrier:
    return Carrier(
        warehouse.orders,
        stop or threading.Event(),
        partial(is_carried_out, warehouse.settings),
        started.start,
        lambda: started.now,
    )


def test_an_order_has_one_process_until_it_has_a_result(warehouse: Warehouse) -> None:
    started = Started()
    carrying = carrier(warehouse, started)
    first = warehouse.give(wishes.Rollback()).id
    carrying.turn()
    carrying.turn()
    assert started.orders == [first]
    started.processes[0][1].code = 1
    carrying.turn()
    assert len(started.processes) == 1, "it pauses before it starts again"
    started.now += 100
    carrying.turn()
    assert started.orders == [first, first]
    warehouse.orders.finish(first, End.DONE)
    started.processes[1][1].code = 0
    started.now += 100
    carrying.turn()
    assert len(started.processes) == 2
    successor = Started()
    carrier(warehouse, successor).turn()
    assert successor.processes == []


def test_what_is_carried_elsewhere_is_waited_for(warehouse: Warehouse) -> None:
    started = Started()
    carrying = carrier(warehouse, started)
    order = warehouse.give(wishes.Drop(2)).id
    for _ in range(3 * CRASHES):
        carrying.turn()
        started.processes[-1][1].code = ELSEWHERE
        started.now += 100
    assert warehouse.orders.result(order) is None


def test_no_second_process_is_started_beside_one_that_a_killed_service_has_left(warehouse: Warehouse) -> None:
    started = Started()
    carrying = carrier(warehouse, started)
    order = warehouse.give(wishes.Drop(2)).id
    with carrying_out(warehouse.settings, order) as mine:
        assert mine
        carrying.turn()
        assert started.processes == []
    carrying.turn()
    assert started.orders == [order]


def test_one_that_dies_again_and_again_has_failed(warehouse: Warehouse) -> None:
    started = Started()
    carrying = carrier(warehouse, started)
    order = warehouse.give(wishes.Drop(2)).id
    while (result := warehouse.orders.result(order)) is None:
        carrying.turn()
        started.processes[-1][1].code = -9
        started.now += 100
    assert len(started.processes) == CRASHES
    assert result.end is End.FAILED
    assert "exit code -9" in str(result.says)


def test_rebuilds_are_few_at_once_and_nothing_else_waits_for_them(warehouse: Warehouse) -> None:
    started = Started()
    carrying = carrier(warehouse, started)
    rebuilds = [warehouse.give(wishes.Reprocess(), definition="f" * 64).id for _ in range(REBUILDS + 1)]
    rollback = warehouse.give(wishes.Rollback()).id
    carrying.turn()
    assert rollback in started.orders
    assert len(started.processes) == REBUILDS + 1
    waiting = (set(rebuilds) - set(started.orders)).pop()
    done, process = next(each for each in started.processes if each[0] in rebuilds)
    warehouse.orders.finish(done, End.DONE)
    process.code = 0
    carrying.turn()
    carrying.turn()
    assert waiting in started.orders


def test_a_carrier_that_is_stopped_ends_its_processes(warehouse: Warehouse) -> None:
    started, stop = Started(), threading.Event()
    carrying = carrier(warehouse, started, stop)
    warehouse.give(wishes.Rollback())
    carrying.begin()
    carrying.wake()
    deadline = time.monotonic() + 20
    while not started.processes:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop.set()
    carrying.end()
    assert started.processes[0][1].code == -15
