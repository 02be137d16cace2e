"""The transform service: one cycle after the other, for ever.

Keeps the live line at most an hour late (aim: five minutes). A cycle that fails is logged with its reason and tried
again; readers stay at the last release meanwhile.
"""

import fcntl
import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge

from lakehouse.clients.files import HdfsFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError
from lakehouse.releases.cycle import Cycle, Outcome
from lakehouse.service import Health, fields, log_as_json, serve
from lakehouse.settings import Settings

log = logging.getLogger(__name__)
_cycles = Counter("lakehouse_transform_cycles_total", "Cycles by how they ended.", ["outcome"])
_seconds = Gauge("lakehouse_transform_cycle_seconds", "Duration of the last cycle that built something.")
_release = Gauge("lakehouse_transform_release", "Number of the last release that a cycle published.")


@contextmanager
def the_only_transform(settings: Settings) -> Iterator[None]:
    """Waits until no other transform of this stack is at work. It saves work; safety does not rest on it."""
    folder = settings.home_path / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "transform.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def end_leftover_queries(trino: Trino) -> None:
    """Ends the queries of a former owner, so that none of them can commit while ours run."""
    running = trino.query(
        "SELECT query_id FROM system.runtime.queries "
        f"WHERE \"user\" = '{TRANSFORM_USER}' AND state NOT IN ('FINISHED', 'FAILED') "
        "AND query NOT LIKE '%runtime.queries%'"
    )
    for row in running:
        trino.query(
            f"CALL system.runtime.kill_query(query_id => '{row['query_id']}', message => 'a new transform took over')"
        )


def run_once(settings: Settings) -> Outcome:
    """One cycle, as ``lakehouse transform`` runs it."""
    cycle = Cycle(settings, HdfsFiles(settings.hdfs_url), Trino.of(settings, user=TRANSFORM_USER))
    with the_only_transform(settings):
        return cycle.run(log.info)


def serve_forever(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT; a running cycle is left to the next start."""
    log_as_json("transform")
    health = Health(limit=settings.transform.longest_cycle)
    serve(health, settings.host, settings.ports.transform)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    trino = Trino.of(settings, user=TRANSFORM_USER)
    cycle = Cycle(settings, HdfsFiles(settings.hdfs_url), trino)
    fresh = True
    while not stop.is_set():
        try:
            with the_only_transform(settings):
                if fresh:
                    end_leftover_queries(trino)
                    cycle.repair_views()
                    fresh = False
                _observe(cycle, health)
        except LakehouseError as error:
            fresh = True
            _cycles.labels("failed").inc()
            health.fail(str(error))
            log.error("cycle failed", extra=fields(reason=str(error)))
        stop.wait(settings.transform.interval.total_seconds())


def _observe(cycle: Cycle, health: Health) -> None:
    started = time.monotonic()
    outcome = cycle.run(lambda state: health.beat(state))
    health.beat("waiting")
    _cycles.labels("idle" if outcome.snapshot is None else "built").inc()
    if outcome.release is not None:
        seconds = time.monotonic() - started
        _seconds.set(seconds)
        _release.set(outcome.release.number)
        log.info(
            "released",
            extra=fields(release=outcome.release.number, rows=outcome.rows, seconds=round(seconds, 2)),
        )
