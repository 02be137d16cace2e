"""Reads back from Kafka what the logs of earlier runs have lost, before anything of these runs is sent, shipped or
counted: one thread, which ends once all are whole.

In: torn runs. Out: the same, restored, each as soon as it is. Promise: what was acknowledged because Kafka had it, and
had not come to the disk when the power went, is in the log again, in its place. While Kafka is away, it waits.
"""

import logging
import time
from collections.abc import Callable, Iterator

from ingestion import machine
from ingestion.incarnation import Incarnation
from lakehouse.clients.kafka_scan import scan
from lakehouse.contracts import topics
from lakehouse.contracts.records import lines_of
from lakehouse.errors import NotReadyError
from lakehouse.settings import Settings
from lakehouse.turns import RETRY_SECONDS, Turns

CLOCK_SECONDS = 15.0
"""So long it waits for a look at the NameNode's clock."""
_MARGIN = 60_000_000
_log = logging.getLogger(__name__)


class Healer:
    """``healed`` takes each run that is whole again, from the thread."""

    def __init__(
        self,
        settings: Settings,
        torn: list[Incarnation],
        healed: Callable[[Incarnation], None],
        clock_trusted: Callable[[], bool],
    ) -> None:
        self._bootstrap = settings.kafka_bootstrap
        self._skew = int(settings.edge.max_clock_skew.total_seconds() * 1_000_000)
        self._healed = healed
        self._clock_trusted = clock_trusted
        self._turns = Turns("healer", self._turn, "what a log has lost cannot be read back; it is tried again")
        self.torn = torn
        """The runs that are left to do."""

    def start(self) -> None:
        if self.torn:
            self._turns.start()

    def stop(self, timeout: float) -> None:
        self._turns.stop(timeout)

    def _turn(self) -> float | None:
        """Heals one run."""
        run = self.torn[0]
        try:
            lines = list(self._lost_lines(run))
        except NotReadyError as error:
            _log.warning("run %s lacks lines, which are read back once Kafka answers: %s", run.id, error)
            return RETRY_SECONDS
        restored = run.restore(lines)
        for first, last in restored.log.holes():
            _log.error("run %s has lost the events %d to %d, and Kafka has them no more", run.id, first, last)
        _log.info("run %s is whole: %d lines were read back from Kafka", run.id, len(lines))
        self._healed(restored)
        del self.torn[0]
        return 0.0 if self.torn else None

    def _lost_lines(self, run: Incarnation) -> Iterator[bytes]:
        """Lines of the run that Kafka has and its log lacks. Reads from when the log ends, by the stamps of the
        records: each edge sends after it has accepted, so none lies before."""
        since, name = run.torn_since, run.id.encode()
        until = self._until(since)
        with scan(self._bootstrap, topics.EVENTS.name) as topic:
            for record in topic.records(since // 1000, None if until is None else until // 1000):
                if name in record.value:
                    yield from filter(run.log.lacks, lines_of(record.value))

    def _until(self, since: int) -> int | None:
        """When the machine was started again: the run had ended by then. None, which costs more, if it is not known:
        the clock is wrong, or nobody has compared it, or the disk is in another machine now."""
        patience = time.monotonic() + CLOCK_SECONDS
        while not self._clock_trusted() and time.monotonic() < patience and not self._turns.stopping:
            self._turns.pause(0.2)
        until = machine.booted_at() + self._skew + _MARGIN
        return until if self._clock_trusted() and until > since + _MARGIN else None
