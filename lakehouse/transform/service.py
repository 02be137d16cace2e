"""The transform service: one cycle after the other; and what else gold versions need.

Keeps the live line at most an hour late (aim: five minutes). A cycle that fails is logged with its reason and tried
again; readers stay at the last release meanwhile. Between cycles, versions that are not current are brought up to date,
and plans that nobody carries out are taken up. Beside them, operators' requests are taken and carried out
(``ops_api``).
"""

import logging
import signal
import threading
import time
from contextlib import suppress

from prometheus_client import Counter, Gauge

from lakehouse import instants
from lakehouse.clients.files import HdfsFiles
from lakehouse.errors import LakehouseError
from lakehouse.http.health import Health
from lakehouse.json_logs import fields, log_as_json
from lakehouse.ledger.prove import Prover
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.settings import Settings
from lakehouse.transform import catalog
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.cycle import Cycle, Outcome
from lakehouse.transform.edge_watch import EdgeWatch
from lakehouse.transform.gold_columns import Columns
from lakehouse.transform.history import restatements
from lakehouse.transform.history.by_release import History
from lakehouse.transform.ops_api.service import OpsApi
from lakehouse.transform.orphaned_queries import end_transform_queries
from lakehouse.transform.standby_versions import StandbyVersions

LOOK_EVERY = 1.0
"""Seconds between looks at the release log while no cycle runs."""

log = logging.getLogger(__name__)
_cycles = Counter("lakehouse_transform_cycles_total", "Cycles by how they ended.", ["outcome"])
_seconds = Gauge("lakehouse_transform_cycle_seconds", "Duration of the last cycle that built something.")
_release = Gauge("lakehouse_transform_release", "Number of the last release that a cycle published.")


class Transform:
    """Everything that the service does in one turn of its loop."""

    def __init__(self, settings: Settings, health: Health | None = None) -> None:
        self._builder = Builder(settings, HdfsFiles(settings.hdfs_url))
        self._health = health
        self._cycle = Cycle(settings, self._builder.files)
        self._log = ReleaseLog(self._builder.files, self._builder.layout)
        self._history = History(self._builder.trino, self._log, settings.releases.retention)
        self._columns = Columns(self._builder.trino)
        self._shown: Published | None = None
        self._edges = EdgeWatch(self._builder.files, self._builder.layout, settings.transform.edge_silent_after)

    def turn(self) -> Outcome:
        """One live cycle; then SQL is shown what is current, also where somebody else has published it."""
        started = time.monotonic()
        outcome = self._cycle.run(self._beat)
        self._show()
        self._edges.look(instants.now())
        self._beat("waiting")
        self._report(outcome, time.monotonic() - started)
        return outcome

    def _show(self) -> None:
        """SQL's views of what is current and of what was, and what has been restated."""
        builder, current = self._builder, self._log.current()
        if current is None:
            return
        if current != self._shown:
            shown = catalog.show_current(builder.trino, self._log, self._columns)
            self._history.update(lambda version: builder.versions.drop_of(version) is not None, instants.now())
            self._shown = shown
        restatements.update(builder.trino, builder.files, builder.layout, self._log)

    def take_over(self) -> None:
        end_transform_queries(self._builder.trino)

    def rest(self, stop: threading.Event, seconds: float) -> None:
        """Until the next turn. SQL is shown what an operator publishes meanwhile, as far as that goes without trouble:
        the next turn shows it again."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not stop.wait(min(LOOK_EVERY, seconds)):
            with suppress(LakehouseError):
                if self._log.current() != self._shown:
                    self._show()

    def _beat(self, state: str) -> None:
        if self._health is not None:
            self._health.beat(state)

    def _report(self, outcome: Outcome, seconds: float) -> None:
        _cycles.labels("idle" if outcome.snapshot is None else "built").inc()
        if outcome.release is None:
            return
        _seconds.set(seconds)
        _release.set(outcome.release.number)
        log.info("released", extra=fields(release=outcome.release.number, rows=outcome.rows, seconds=round(seconds, 2)))


def run_once(settings: Settings) -> Outcome:
    """One cycle, as ``lakehouse transform`` runs it."""
    return Transform(settings).turn()


def serve_forever(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT; a running cycle is left to the next start."""
    log_as_json("transform")
    health = Health(limit=settings.transform.longest_cycle)
    stop = threading.Event()
    ops_api = OpsApi(settings, health, stop)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    transform, builder = Transform(settings, health), Builder(settings, HdfsFiles(settings.hdfs_url))
    standby = StandbyVersions(builder, Prover(settings, builder.files).verdict)
    fresh = True
    while not stop.is_set():
        try:
            if fresh:
                transform.take_over()
                fresh = False
            transform.turn()
            standby.turn(health.beat)
        except LakehouseError as error:
            fresh = True
            _cycles.labels("failed").inc()
            health.fail(str(error))
            log.error("cycle failed", extra=fields(reason=str(error)))
        transform.rest(stop, settings.transform.interval.total_seconds())
    standby.stop()
    ops_api.close()
