"""Gold versions that are not current, as the transform service looks after them.

In: the versions' statuses. Out: candidates and former versions are brought up to date, one step every now and then;
plans that nobody carries out any more are, each by a process of its own.
"""

import logging
import threading
import time
from collections.abc import Callable

from lakehouse import instants
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.errors import LakehouseError
from lakehouse.json_logs import fields
from lakehouse.ledger.model import hour_of
from lakehouse.ledger.prove import Judged
from lakehouse.ledger.report import unproved_text
from lakehouse.releases import generations
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Release, ReleaseKind, Snapshot
from lakehouse.releases.version_status import Status, VersionState, is_kept_current, version_states
from lakehouse.transform.backfill.progress import ProgressFile
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.building.catch_up import CatchUp
from lakehouse.transform.locks import building
from lakehouse.transform.orphaned_queries import end_queries
from lakehouse.transform.publishing.publish import following
from lakehouse.transform.worker_process import Process, start

log = logging.getLogger(__name__)


def start_rebuild(gold_version: GoldVersionNumber) -> Process:
    """Begins to carry out its plan, where that was left."""
    return start("lakehouse.transform.backfill.reprocess", str(gold_version))


class StandbyVersions:
    """Call :meth:`turn` after each live cycle. A failure here never stops the live line."""

    def __init__(
        self,
        builder: Builder,
        judged: Judged,
        start: Callable[[GoldVersionNumber], Process] = start_rebuild,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._builder = builder
        self._settings = builder.settings
        self._judged = judged
        self._start = start
        self._clock = clock
        self._catching_up = CatchUp(builder)
        self._log = ReleaseLog(builder.files, builder.layout)
        self._tried_at: dict[GoldVersionNumber, float] = {}
        self._workers: dict[GoldVersionNumber, Process] = {}
        self._prover: threading.Thread | None = None
        self._proved: dict[GoldVersionNumber, int] = {}

    def turn(self, say: Callable[[str], None]) -> None:
        """At most one step of one version, so that the next live cycle is not kept waiting."""
        self._workers = {number: worker for number, worker in self._workers.items() if worker.poll() is None}
        found = version_states(self._builder.versions, self._log.refresh())
        self._retire_generations(found)
        for state in found:
            if state.status is Status.BUILDING:
                self._take_up(state)
        self._prove_ahead(found)
        for state in sorted(found, key=self._last_tried):
            if self._is_due(state) and self._catch_up(state, _live(found), say):
                return

    def _retire_generations(self, found: list[VersionState]) -> None:
        """A bronze generation that no version is built from any more need not be fed."""
        now, former = instants.now(), self._settings.releases.feed_former
        needed = {
            generation
            for state in found
            if state.status in (Status.CURRENT, Status.BUILDING) or is_kept_current(state, now, former)
            for generation in _generations(state)
        }
        files, layout = self._builder.files, self._builder.layout
        active = set(generations.active(files, layout))
        if not active & needed:
            active -= {max(active, default=0)}  # else there would be none any more to build new versions from
        for generation in active - needed:
            log.info("a bronze generation is retired", extra=fields(generation=generation))
            generations.retire(files, layout, generation, TRANSFORM_USER, "no gold version is built from it")

    def stop(self) -> None:
        """Ends the processes that build; they are started again with the service."""
        for worker in self._workers.values():
            worker.terminate()
            worker.wait()

    def _take_up(self, state: VersionState) -> None:
        progress = ProgressFile(self._builder.files, self._builder.layout, state.number)
        if state.number in self._workers or progress.failed() is not None:
            return
        with building(self._settings, state.number, wait=False) as free:
            if not free:
                return
        log.info("a plan is taken up", extra=fields(gold_version=state.number))
        self._workers[state.number] = self._start(state.number)

    def _prove_ahead(self, found: list[VersionState]) -> None:
        """Each hour the ledger of every candidate, so that its promote need not read all of history; one at a time,
        beside the live line, for the first time takes long."""
        if self._prover is not None and self._prover.is_alive():
            return
        for state in found:
            newest = state.newest
            if state.status is not Status.CANDIDATE or newest is None or newest.complete_through is None:
                continue
            hour = hour_of(newest.complete_through)
            if self._proved.get(state.number) != hour:
                self._proved[state.number] = hour
                shown = following(self._log.current(), state.version, newest, ReleaseKind.PROMOTE)
                self._prover = threading.Thread(target=self._prove, args=(shown,), daemon=True)
                self._prover.start()
                return

    def _prove(self, shown: Release) -> None:
        try:
            # As a reader: a builder or a promote of the version ends the queries of its builders.
            verdict = self._judged(shown)
        except LakehouseError as error:
            log.error("not proved", extra=fields(gold_version=shown.gold_version, reason=str(error)))
            return
        if not verdict.balanced:
            reason = f"{len(verdict.missing)} runs are missing, {len(verdict.doubled)} are counted twice"
            if verdict.balanced_where_judged:
                reason = " ".join(unproved_text(verdict.unproved))
            log.error("the ledger is not balanced", extra=fields(gold_version=shown.gold_version, reason=reason))

    def _last_tried(self, state: VersionState) -> float:
        return self._tried_at.get(state.number, float("-inf"))

    def _is_due(self, state: VersionState) -> bool:
        due = self._clock() - self._last_tried(state) >= self._settings.releases.feed_every.total_seconds()
        return due and is_kept_current(state, instants.now(), self._settings.releases.feed_former)

    def _catch_up(self, state: VersionState, live: Snapshot | None, say: Callable[[str], None]) -> bool:
        """Whether it was its turn: not while its rebuild catches up or it is promoted, nor once it has been dropped."""
        with building(self._settings, state.number, wait=False) as mine:
            if not mine or self._builder.versions.drop_of(state.number) is not None:
                return False
            self._tried_at[state.number] = self._clock()
            try:
                end_queries(self._builder.trino, state.number)
                self._catching_up.step(state.version, live, say)
            except LakehouseError as error:
                log.error("not brought up to date", extra=fields(gold_version=state.number, reason=str(error)))
            return True


def _generations(state: VersionState) -> set[GenerationNumber]:
    planned = {state.version.plan.bronze.generation} if state.version.plan else set()
    return planned | ({state.newest.bronze.generation} if state.newest else {FIRST_GENERATION})


def _live(found: list[VersionState]) -> Snapshot | None:
    return next((state.newest for state in found if state.status is Status.CURRENT), None)
