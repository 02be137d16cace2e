"""An operation has one process, and another if that dies, until there is a result: with processes that are not."""

import threading
import time
from functools import partial

from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.transform.locks import carrying_out, is_carried_out
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.dispatcher import CRASHES, REBUILDS, Dispatcher
from lakehouse.transform.ops_api.operations import End
from lakehouse.transform.ops_api.worker import ELSEWHERE
from tests.support.processes import Started
from tests.support.promoted_warehouse import PromotedWarehouse


def dispatcher(warehouse: PromotedWarehouse, started: Started, stop: threading.Event | None = None) -> Dispatcher:
    return Dispatcher(
        warehouse.operations,
        stop or threading.Event(),
        partial(is_carried_out, warehouse.settings),
        started.start,
        lambda: started.now,
    )


def test_an_order_has_one_process_until_it_has_a_result(warehouse: PromotedWarehouse) -> None:
    started = Started()
    carrying = dispatcher(warehouse, started)
    first = warehouse.give(requests.Rollback()).id
    carrying.turn()
    carrying.turn()
    assert started.works_on == [first]
    started.processes[0][1].code = 1
    carrying.turn()
    assert len(started.processes) == 1, "it pauses before it starts again"
    started.now += 100
    carrying.turn()
    assert started.works_on == [first, first]
    warehouse.operations.finish(first, End.DONE)
    started.processes[1][1].code = 0
    started.now += 100
    carrying.turn()
    assert len(started.processes) == 2
    successor = Started()
    dispatcher(warehouse, successor).turn()
    assert successor.processes == []


def test_what_is_carried_elsewhere_is_waited_for(warehouse: PromotedWarehouse) -> None:
    started = Started()
    carrying = dispatcher(warehouse, started)
    operation = warehouse.give(requests.Drop(GoldVersionNumber(2))).id
    for _ in range(3 * CRASHES):
        carrying.turn()
        started.processes[-1][1].code = ELSEWHERE
        started.now += 100
    assert warehouse.operations.result(operation) is None


def test_no_second_process_is_started_beside_one_that_a_killed_service_has_left(warehouse: PromotedWarehouse) -> None:
    started = Started()
    carrying = dispatcher(warehouse, started)
    operation = warehouse.give(requests.Drop(GoldVersionNumber(2))).id
    with carrying_out(warehouse.settings, operation) as mine:
        assert mine
        carrying.turn()
        assert started.processes == []
    carrying.turn()
    assert started.works_on == [operation]


def test_one_that_dies_again_and_again_has_failed(warehouse: PromotedWarehouse) -> None:
    started = Started()
    carrying = dispatcher(warehouse, started)
    operation = warehouse.give(requests.Drop(GoldVersionNumber(2))).id
    while (result := warehouse.operations.result(operation)) is None:
        carrying.turn()
        started.processes[-1][1].code = -9
        started.now += 100
    assert len(started.processes) == CRASHES
    assert result.end is End.FAILED
    assert "exit code -9" in str(result.message)


def test_rebuilds_are_few_at_once_and_nothing_else_waits_for_them(warehouse: PromotedWarehouse) -> None:
    started = Started()
    carrying = dispatcher(warehouse, started)
    rebuilds = [warehouse.give(requests.Reprocess(), definition="f" * 64).id for _ in range(REBUILDS + 1)]
    rollback = warehouse.give(requests.Rollback()).id
    carrying.turn()
    assert rollback in started.works_on
    assert len(started.processes) == REBUILDS + 1
    waiting = (set(rebuilds) - set(started.works_on)).pop()
    done, process = next(each for each in started.processes if each[0] in rebuilds)
    warehouse.operations.finish(done, End.DONE)
    process.code = 0
    carrying.turn()
    carrying.turn()
    assert waiting in started.works_on


def test_a_carrier_that_is_stopped_ends_its_processes(warehouse: PromotedWarehouse) -> None:
    started, stop = Started(), threading.Event()
    carrying = dispatcher(warehouse, started, stop)
    warehouse.give(requests.Rollback())
    carrying.begin()
    carrying.wake()
    deadline = time.monotonic() + 20
    while not started.processes:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop.set()
    carrying.end()
    assert started.processes[0][1].code == -15
