"""Has every order carried out: a process for each, started at once, and again until there is a result.

In: the orders on HDFS, so that those of a former service are taken up too. Out: running processes. One that a killed
service has left behind holds the order's lock, and is waited for.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.errors import LakehouseError
from lakehouse.json_logs import fields
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.operations import End, Orders
from lakehouse.transform.ops_api.worker import ELSEWHERE
from lakehouse.transform.worker_process import Process, start

EVERY = 3.0
"""Seconds between two looks, and before a process is started again, times the number of its ends."""
CRASHES = 10
REBUILDS = 2
"""So many reprocesses at once: each has a process, memory and queries of its own."""

_log = logging.getLogger(__name__)


def start_order(order: str) -> Process:
    """Begins to carry it out."""
    return start("lakehouse.transform.ops_api.worker", order)


@dataclass
class _Carried:
    """An order that has no result yet."""

    is_rebuild: bool
    process: Process | None = None
    crashes: int = 0
    not_before: float = 0.0


class Carrier:
    """Runs in a thread of its own until ``stop``; then its processes are ended, and taken up at the next start."""

    def __init__(
        self,
        orders: Orders,
        stop: threading.Event,
        is_carried_out: Callable[[str], bool],
        start: Callable[[str], Process] = start_order,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._orders = orders
        self._stop = stop
        self._is_carried_out = is_carried_out
        self._start = start
        self._clock = clock
        self._woken = threading.Event()
        self._carried: dict[str, _Carried] = {}
        self._thread = threading.Thread(target=self._run, name="orders", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is a new order."""
        self._woken.set()

    def end(self) -> None:
        """After ``stop`` is set: returns once no process is left."""
        self.wake()
        self._thread.join()

    def turn(self) -> None:
        """One look at all orders."""
        unfinished = self._orders.unfinished()
        for order in unfinished:
            carried = self._carried.setdefault(order, self._new(order))
            if carried.process is not None and (code := carried.process.poll()) is not None:
                self._ended(order, carried, code)
            if carried.process is None and self._may_start(carried) and not self._is_carried_out(order):
                carried.process = self._start(order)
        self._forget(set(unfinished))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.turn()
            except LakehouseError as error:
                _log.error("orders cannot be looked after", extra=fields(reason=str(error)))
            except Exception:
                _log.exception("orders cannot be looked after")
            self._woken.wait(EVERY)
            self._woken.clear()
        running = [carried.process for carried in self._carried.values() if carried.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            process.wait()

    def _new(self, order: str) -> _Carried:
        known = self._carried.get(order)
        return known or _Carried(isinstance(self._orders.get(order).wish, requests.Reprocess))

    def _ended(self, order: str, carried: _Carried, code: int) -> None:
        """Without a result, or with one that came after the look."""
        carried.process = None
        if code not in (0, ELSEWHERE):
            carried.crashes += 1
            _log.error("an order's process has died", extra=fields(order=order, code=code, times=carried.crashes))
        if carried.crashes >= CRASHES:
            says = f"its process has died {carried.crashes} times, last with exit code {code}; see the transform's log"
            self._orders.finish(order, End.FAILED, says=says)
        carried.not_before = self._clock() + EVERY * max(1, carried.crashes)

    def _may_start(self, carried: _Carried) -> bool:
        if self._clock() < carried.not_before:
            return False
        rebuilds = [each for each in self._carried.values() if each.is_rebuild and each.process is not None]
        return not carried.is_rebuild or len(rebuilds) < REBUILDS

    def _forget(self, unfinished: set[str]) -> None:
        """Those with a result, once their processes have ended."""
        for order, carried in list(self._carried.items()):
            ended = carried.process is None or carried.process.poll() is not None
            if order not in unfinished and ended:
                del self._carried[order]
