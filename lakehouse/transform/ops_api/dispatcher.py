"""Has every operation carried out: a process for each, started at once, and again until there is a result.

In: the operations on HDFS, so that those of a former service are taken up too. Out: running processes. One that a
killed service has left behind holds the operation's lock, and is waited for.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.errors import LakehouseError
from lakehouse.json_logs import fields
from lakehouse.transform.ops_api import requests
from lakehouse.transform.ops_api.operations import End, Operations
from lakehouse.transform.ops_api.worker import ELSEWHERE
from lakehouse.transform.worker_process import Process, start

EVERY = 3.0
"""Seconds between two looks, and before a process is started again, times the number of its ends."""
CRASHES = 10
REBUILDS = 2
"""So many reprocesses at once: each has a process, memory and queries of its own."""

_log = logging.getLogger(__name__)


def start_operation(operation: str) -> Process:
    """Begins to carry it out."""
    return start("lakehouse.transform.ops_api.worker", operation)


@dataclass
class _Dispatched:
    """An operation that has no result yet."""

    is_rebuild: bool
    process: Process | None = None
    crashes: int = 0
    not_before: float = 0.0


class Dispatcher:
    """Runs in a thread of its own until ``stop``; then its processes are ended, and taken up at the next start."""

    def __init__(
        self,
        operations: Operations,
        stop: threading.Event,
        is_carried_out: Callable[[str], bool],
        start: Callable[[str], Process] = start_operation,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._operations = operations
        self._stop = stop
        self._is_carried_out = is_carried_out
        self._start = start
        self._clock = clock
        self._woken = threading.Event()
        self._dispatched: dict[str, _Dispatched] = {}
        self._thread = threading.Thread(target=self._run, name="operations", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is a new operation."""
        self._woken.set()

    def end(self) -> None:
        """After ``stop`` is set: returns once no process is left."""
        self.wake()
        self._thread.join()

    def turn(self) -> None:
        """One look at all operations."""
        unfinished = self._operations.unfinished()
        for operation in unfinished:
            dispatched = self._dispatched.setdefault(operation, self._new(operation))
            if dispatched.process is not None and (code := dispatched.process.poll()) is not None:
                self._ended(operation, dispatched, code)
            if dispatched.process is None and self._may_start(dispatched) and not self._is_carried_out(operation):
                dispatched.process = self._start(operation)
        self._forget(set(unfinished))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.turn()
            except LakehouseError as error:
                _log.error("operations cannot be looked after", extra=fields(reason=str(error)))
            except Exception:
                _log.exception("operations cannot be looked after")
            self._woken.wait(EVERY)
            self._woken.clear()
        running = [dispatched.process for dispatched in self._dispatched.values() if dispatched.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            process.wait()

    def _new(self, operation: str) -> _Dispatched:
        known = self._dispatched.get(operation)
        return known or _Dispatched(isinstance(self._operations.get(operation).request, requests.Reprocess))

    def _ended(self, operation: str, dispatched: _Dispatched, code: int) -> None:
        """Without a result, or with one that came after the look."""
        dispatched.process = None
        if code not in (0, ELSEWHERE):
            dispatched.crashes += 1
            _log.error(
                "an operation's process has died",
                extra=fields(operation=operation, code=code, times=dispatched.crashes),
            )
        if dispatched.crashes >= CRASHES:
            message = (
                f"its process has died {dispatched.crashes} times, last with exit code {code}; see the transform's log"
            )
            self._operations.finish(operation, End.FAILED, message=message)
        dispatched.not_before = self._clock() + EVERY * max(1, dispatched.crashes)

    def _may_start(self, dispatched: _Dispatched) -> bool:
        if self._clock() < dispatched.not_before:
            return False
        rebuilds = [each for each in self._dispatched.values() if each.is_rebuild and each.process is not None]
        return not dispatched.is_rebuild or len(rebuilds) < REBUILDS

    def _forget(self, unfinished: set[str]) -> None:
        """Those with a result, once their processes have ended."""
        for operation, dispatched in list(self._dispatched.items()):
            ended = dispatched.process is None or dispatched.process.poll() is not None
            if operation not in unfinished and ended:
                del self._dispatched[operation]
