"""Promote: a candidate becomes what readers see, in one release for all tables. Gates first.

In: a request. Out: a release, or a refusal that has changed nothing. Slow gates are
checked first and, once the candidate has caught up, again. While the others are checked the live version's lock is
held, so that the release follows exactly the one that the gates were checked against; should another machine publish
meanwhile, the gates are checked again, and after another operator we are refused.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import msgspec

from lakehouse.clients.files import Files
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.tables import reprocess_user
from lakehouse.errors import AlreadyExistsError, NotFoundError, RefusedError
from lakehouse.ledger.prove import Prover
from lakehouse.releases import generations
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import GoldVersion, ReleaseKind, Snapshot
from lakehouse.releases.version_status import is_built
from lakehouse.settings import Settings
from lakehouse.transform.backfill.progress import not_built
from lakehouse.transform.building.builder import Builder, Progress
from lakehouse.transform.building.catch_up import CatchUp
from lakehouse.transform.locks import building, deciding
from lakehouse.transform.orphaned_queries import end_queries
from lakehouse.transform.publishing.accepted_edges import AcceptedEdges
from lakehouse.transform.publishing.gates import (
    Gate,
    Prospect,
    caught_up,
    differs_within_limits,
    is_prepared,
    is_whole,
    ledger_is_balanced,
    stands_beside,
)
from lakehouse.transform.publishing.publish import following, refuse_after_another_operator
from lakehouse.verb_plan import VerbPlan

LOCK_TIMEOUT = 600.0
"""Seconds to wait for who builds one of the two versions."""
CATCH_UP_TIMEOUT = 60.0
"""Seconds in which another bronze generation must have got what the live one has."""


@dataclass(frozen=True)
class PromoteRequest:
    """An operator's request: who, why, and whether differences beyond the limit are accepted; ``accept_unproved`` names
    the edges whose hours need not be proved.

    ``operation`` is the id of an operation of the ops API, ``seen`` the release that was current when it was requested:
    since then no other operator may have published one.
    """

    gold_version: GoldVersionNumber
    actor: str
    reason: str | None = None
    accept: bool = False
    operation: str | None = None
    seen: ReleaseNumber | None = None
    accept_unproved: tuple[str, ...] = ()


def promote(settings: Settings, files: Files, request: PromoteRequest, say: Progress) -> Published:
    """The new release. Raises :class:`RefusedError`; nothing has changed then."""
    builder = Builder(settings, files, user=reprocess_user(request.gold_version))
    return Promote.of(builder).run(request, say)


def plan(settings: Settings, files: Files, request: PromoteRequest) -> VerbPlan:
    """What :func:`promote` would do. Changes nothing, not even what is kept of proofs."""
    return Promote.of(Builder(settings, files), keeps_proofs=False).plan(request)


class Promote:
    """``gates`` are checked in order: ``slow`` ones before the live version's lock is taken, the others while it is
    held."""

    def __init__(self, builder: Builder, slow: tuple[Gate, ...], gates: tuple[Gate, ...]) -> None:
        self._builder = builder
        self._slow = slow
        self._gates = gates
        self._log = ReleaseLog(builder.files, builder.layout)

    @classmethod
    def of(cls, builder: Builder, *, keeps_proofs: bool = True) -> "Promote":
        """With the gates that every promote has to pass, from the command line or over HTTP."""
        settings = builder.settings
        judged = Prover(settings, builder.files, keeps_proofs=keeps_proofs).verdict
        slow = (is_whole(settings), ledger_is_balanced(judged), is_prepared(settings))
        # The live line stands still meanwhile: only what the last step has brought may still have to be loaded.
        differs = differs_within_limits(settings, builder.versions)
        return cls(builder, slow, (caught_up, differs, is_prepared(settings, patience=3.0)))

    def run(self, request: PromoteRequest, say: Progress = lambda _: None) -> Published:
        """The new release. Raises :class:`RefusedError` with the gate that does not open."""
        prospect = self._prospect(request)
        version, newest, seen = prospect.version, prospect.snapshot, prospect.parent
        self._check(self._slow, request, prospect, say)
        with _locked(self._builder, [version.version]):
            self._refuse_dropped(version.version)
            end_queries(self._builder.trino, version.version)
            caught_up, live = self._at_parent(version, seen, say)
            if caught_up != newest:
                self._check(self._slow, request, replace(prospect, snapshot=caught_up, beside=live), say)
        with _locked(self._builder, [*self._built_from(version), seen.release.gold_version]):
            self._refuse_dropped(version.version)
            return self._publish(request, prospect, say)

    def plan(self, request: PromoteRequest) -> VerbPlan:
        """What :meth:`run` would do: the gates judge the candidate as it is. Raises :class:`RefusedError`, too."""
        prospect = self._prospect(request)
        gates = [gate for gate in (*self._slow, *self._gates) if gate is not caught_up]
        found = dict.fromkeys(gate(prospect, request.accept) for gate in gates)
        parent, version, newest = prospect.parent, prospect.version.version, prospect.snapshot
        is_beside = stands_beside(newest, prospect.beside)
        first = "" if is_beside else f"gold version {version} is brought up to date with release {parent.number} first"
        shown = f"a release after {parent.number} shows gold version {version}" + (
            f", snapshot {newest.number} or later" if is_beside else ""
        )
        facts = {
            "gold_version": version,
            "snapshot": newest.number,
            "parent": parent.number,
            "is_caught_up": is_beside,
            "accept": request.accept,
            "accept_unproved": list(request.accept_unproved),
            "unproved": msgspec.to_builtins(prospect.accepted.found),
            "actor": request.actor,
            "reason": request.reason,
        }
        return VerbPlan("promote", (*found, *filter(None, (first, shown))), facts)

    def _prospect(self, request: PromoteRequest) -> Prospect:
        """The candidate's newest snapshot, after the current release."""
        seen = self._log.current()
        if seen is None:
            raise RefusedError("nothing has been released yet: the first cycle publishes the first release")
        if request.accept and not request.reason:
            raise RefusedError("differences are accepted for a reason: give one (--reason)")
        if request.accept_unproved and not request.reason:
            raise RefusedError("an edge's hours are accepted without proof for a reason: give one (--reason)")
        if request.seen is not None:
            seen = refuse_after_another_operator(self._log, self._log.get(request.seen))
        version, newest = self._candidate(request, seen)
        return Prospect(version, newest, seen, self._live(seen), AcceptedEdges(request.accept_unproved))

    def _candidate(self, request: PromoteRequest, seen: Published) -> tuple[GoldVersion, Snapshot]:
        number, versions = request.gold_version, self._builder.versions
        try:
            version = versions.get(number)
        except NotFoundError as error:
            raise RefusedError(f"there is no gold version {number}; see `lakehouse release list`") from error
        self._refuse_dropped(number)
        if seen.release.gold_version == number and not seen.release.held:
            raise RefusedError(f"gold version {number} is what readers see already (release {seen.number})")
        newest = versions.latest_snapshot(number)
        if newest is None or not is_built(newest):
            raise not_built(self._builder.files, self._builder.layout, number)
        if generations.retirement(self._builder.files, self._builder.layout, newest.bronze.generation) is not None:
            raise RefusedError(
                f"bronze generation {newest.bronze.generation}, which gold version {number} is built from, is no "
                "longer fed: the live line would stand still; `lakehouse reprocess --from raw` builds a new candidate"
            )
        return version, newest

    def _refuse_dropped(self, number: GoldVersionNumber) -> None:
        if self._builder.versions.drop_of(number) is not None:
            raise RefusedError(f"gold version {number} has been dropped; `lakehouse reprocess` builds a new one")

    def _built_from(self, version: GoldVersion) -> list[GoldVersionNumber]:
        """The version, and those whose tables it shares: they may have to take a step first."""
        plan = version.plan
        if plan is None or not plan.shared or plan.base is None:
            return [version.version]
        return [version.version, *self._built_from(self._builder.versions.get(plan.base.gold_version))]

    def _publish(self, request: PromoteRequest, prospect: Prospect, say: Progress) -> Published:
        version = prospect.version
        while True:
            parent = refuse_after_another_operator(self._log, prospect.parent)
            snapshot, beside = self._at_parent(version, parent, say)
            self._check(self._gates, request, replace(prospect, snapshot=snapshot, parent=parent, beside=beside), say)
            release = following(
                parent,
                version,
                snapshot,
                ReleaseKind.PROMOTE,
                actor=request.actor,
                reason=request.reason,
                operation=request.operation,
                unproved=prospect.accepted.found,
            )
            try:
                with deciding(self._builder.settings):
                    self._refuse_dropped(version.version)
                    return self._log.append(release)
            except AlreadyExistsError:
                say("another release was published meanwhile: the gates are checked again")

    def _at_parent(self, version: GoldVersion, parent: Published, say: Progress) -> tuple[Snapshot, Snapshot]:
        """The candidate where its parent stands, or later; and the parent's version there."""
        live = self._live(parent)
        deadline = time.monotonic() + CATCH_UP_TIMEOUT
        while True:
            ours = CatchUp(self._builder).run(version, live, say)
            if stands_beside(ours, live) or time.monotonic() > deadline:
                return ours, live
            time.sleep(1)  # another bronze generation, which Kafka feeds as well, is about to have it

    def _live(self, parent: Published) -> Snapshot:
        newest = self._builder.versions.latest_snapshot(parent.release.gold_version)
        assert newest is not None, "a version that was released has a snapshot"
        return newest

    def _check(self, gates: tuple[Gate, ...], request: PromoteRequest, prospect: Prospect, say: Progress) -> None:
        for gate in gates:
            say(gate(prospect, request.accept))


@contextmanager
def _locked(builder: Builder, versions: Iterable[GoldVersionNumber]) -> Iterator[None]:
    """The locks of all of them, in the order in which everybody takes them."""
    with ExitStack() as locks:
        for version in sorted(set(versions), reverse=True):
            locks.enter_context(_lock(builder, version))
        yield


@contextmanager
def _lock(builder: Builder, version: GoldVersionNumber) -> Iterator[None]:
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        with building(builder.settings, version, wait=False) as mine:
            if mine:
                yield
                return
        if time.monotonic() > deadline:
            raise RefusedError(f"gold version {version} is being built by another process; try again later")
        time.sleep(0.1)
