"""Sends batches to the edge until each has an answer: what was put off or not answered is sent again, with the same
ids.

In: batches. Out: a :class:`Summary`, and each rejected line to a callback. Sending an event twice is harmless, because
it is counted once by its identity; so the sender never has to find out what became of a lost answer.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from lakehouse.clients.edge import Accepted, EdgeClient, Refused, RetryLater
from lakehouse.errors import LakehouseError, NotReadyError, RefusedError
from lakehouse.replay.lines import Line, RejectedLine

_LONGEST_PAUSE = 10.0
_SPLIT = frozenset({400, 413, 500})
"""The batch is at fault, not the sender; an older edge answers 500 to an event that it cannot judge."""
_TOKEN = frozenset({401, 403})


class RefusedByEdgeError(LakehouseError):
    """The edge refuses this sender altogether, for example because the address is not an edge's."""


class RefusedTokenError(RefusedByEdgeError, RefusedError):
    """The token is not valid, or does not allow this."""


@dataclass
class Summary:
    """Counts events. ``sent`` are those that were sent at least once; ``retried`` counts each further sending."""

    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    retried: int = 0


@dataclass
class Sender:
    """``token_of`` gives a merchant's token; a batch without an answer for ``give_up_after`` seconds ends the run."""

    url: str
    token_of: Callable[[str], str]
    on_rejected: Callable[[RejectedLine], None]
    on_progress: Callable[[int], None]
    connections: int = 4
    rate: float | None = None
    give_up_after: float = 600.0
    summary: Summary = field(default_factory=Summary)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _local: threading.local = field(default_factory=threading.local)

    def run(self, batches: Iterable[list[Line]]) -> Summary:
        """Sends all batches. The first error that sending again cannot mend stops the run and is raised."""
        running: set[Future[None]] = set()
        due = time.monotonic()
        with ThreadPoolExecutor(self.connections) as pool:
            try:
                for batch in batches:
                    due = self._pace(due, len(batch))
                    running.add(pool.submit(self._deliver, batch))
                    if len(running) >= 2 * self.connections:
                        running = _finished(running, FIRST_COMPLETED)
                while running:
                    running = _finished(running, FIRST_COMPLETED)
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return self.summary

    def reject(self, rejected: RejectedLine) -> None:
        """Books a line as rejected."""
        with self._lock:
            self.summary.rejected += 1
            self.on_rejected(rejected)
            self.on_progress(1)

    def _pace(self, due: float, events: int) -> float:
        """Waits until the rate allows these events; returns when the next ones are due."""
        if self.rate is None:
            return due
        now = time.monotonic()
        if due > now:
            time.sleep(due - now)
        return max(due, now - 1.0) + events / self.rate

    def _deliver(self, batch: list[Line]) -> None:
        """Sends one batch until it is answered; one that is refused as a whole is halved down to the lines at fault."""
        answer = self._ask(batch)
        if isinstance(answer, Accepted):
            self._book(batch, answer)
        elif answer.status not in _SPLIT:
            is_token = answer.status in _TOKEN
            check, kind = ("--token", RefusedTokenError) if is_token else ("--edge", RefusedByEdgeError)
            raise kind(
                f"the edge at {self.url} refuses this sender: {answer.reason}. Check {check} and `lakehouse status`."
            )
        elif len(batch) > 1:
            middle = len(batch) // 2
            self._deliver(batch[:middle])
            self._deliver(batch[middle:])
        else:
            line = batch[0]
            self._count(sent=1)
            self.reject(RejectedLine(line.number, line.merchant_id, "refused", answer.reason, line.event))

    def _ask(self, batch: list[Line]) -> Accepted | Refused:
        events = [line.event for line in batch]
        deadline = time.monotonic() + self.give_up_after
        attempt = 0
        while True:
            answer = self._edge().send(self.token_of(batch[0].merchant_id), events)
            if not isinstance(answer, RetryLater):
                return answer
            attempt += 1
            pause = answer.retry_after if answer.retry_after is not None else _backoff(attempt)
            if time.monotonic() + pause > deadline:
                raise NotReadyError(f"the edge at {self.url}: {answer.reason}. Run the same command again later.")
            if self._stop.wait(pause):
                raise NotReadyError("stopped")
            self._count(retried=len(batch))

    def _edge(self) -> EdgeClient:
        """This thread's connection; it ends with the process."""
        if not hasattr(self._local, "edge"):
            self._local.edge = EdgeClient(self.url)
        edge: EdgeClient = self._local.edge
        return edge

    def _book(self, batch: list[Line], answer: Accepted) -> None:
        self._count(sent=len(batch), accepted=answer.accepted)
        for rejection in answer.rejected:
            line = batch[rejection.index]
            self.reject(RejectedLine(line.number, line.merchant_id, rejection.reason, rejection.detail, line.event))
        self.on_progress(len(batch) - len(answer.rejected))

    def _count(self, sent: int = 0, accepted: int = 0, retried: int = 0) -> None:
        with self._lock:
            self.summary.sent += sent
            self.summary.accepted += accepted
            self.summary.retried += retried


def _backoff(attempt: int) -> float:
    """Half a second, doubling, with a spread so that senders do not come back all at once."""
    return float(min(_LONGEST_PAUSE, 0.25 * 2**attempt) * random.uniform(0.5, 1.0))


def _finished(running: set[Future[None]], until: str) -> set[Future[None]]:
    """Waits for some to end, raises what they raised, and returns the others."""
    done, others = wait(running, return_when=until)
    for future in done:
        future.result()
    return others
