"""What a reprocess is to build: a plan beside the current release, published with the candidate's gold version.

In: the dbt project that is checked out, where to read from, and an operator's bounds. Out: the gold version that the
plan belongs to, new or unfinished. Nothing is built here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from lakehouse import instants
from lakehouse.clients import delta_log
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.releases import generations
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import Base, BronzeCursor, Definition, GoldVersion, Plan
from lakehouse.releases.version_status import Status, version_states
from lakehouse.transform import definition
from lakehouse.transform.backfill.progress import Phase, ProgressFile
from lakehouse.transform.backfill.raw_gaps import refuse_raw_gaps
from lakehouse.transform.backfill.reuse import refuse_bounds, shared_tables
from lakehouse.transform.backfill.slices import DAY
from lakehouse.transform.building.builder import Builder


class Source(StrEnum):
    BRONZE = "bronze"
    RAW = "raw"


@dataclass(frozen=True)
class ReprocessRequest:
    """What an operator asks for. Bounds are widened to whole UTC days, because an identity is looked up within one.

    A definition is frozen from ``project``, or with ``fingerprint`` it is one that has been frozen before. The same
    ``operation`` (an id) gets the same gold version, however often it is planned.
    """

    source: Source
    actor: str
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    reuse: bool = False
    project: Path = definition.PROJECT
    fingerprint: str | None = None
    operation: str | None = None

    @property
    def first(self) -> int | None:
        return None if self.since is None else instants.to_micros(self.since) // DAY * DAY

    @property
    def end(self) -> int | None:
        return None if self.until is None else -(-instants.to_micros(self.until) // DAY) * DAY


@dataclass(frozen=True)
class Planned:
    """What a reprocess builds by ``plan``: a ``version`` that is there, or one to be created."""

    definition: Definition
    plan: Plan
    version: GoldVersion | None = None


def plan(builder: Builder, request: ReprocessRequest) -> GoldVersion:
    """The version to build. An unfinished one of the same request is taken up again.

    Raises :class:`RefusedError` where the request cannot be fulfilled; nothing has changed then.
    """
    planned = look(builder, request, stores=True)
    if planned.version is not None:
        return planned.version
    made = planned.plan
    if request.source is Source.RAW:
        number = generations.next_generation(builder.files, builder.layout)
        made = msgspec.structs.replace(made, bronze=BronzeCursor(number, -1))
    return builder.versions.create(planned.definition, made)


def look(builder: Builder, request: ReprocessRequest, *, stores: bool) -> Planned:
    """What is to be built. Without ``stores`` nothing is changed, not even the definition is stored."""
    if request.first is not None and request.end is not None and request.end <= request.first:
        raise RefusedError("--until must be after --since")
    if request.since is not None and request.since > instants.now():
        raise RefusedError("--since lies in the future: nothing would be built anew")
    if request.reuse:
        refuse_bounds(request.first is not None or request.end is not None, request.source is Source.RAW)
    log = ReleaseLog(builder.files, builder.layout)
    current = log.current()
    if current is None and (request.first is not None or request.end is not None):
        raise RefusedError("nothing has been released yet that --since and --until could leave as it is")
    planned = _planned(builder, request.operation)
    if planned is not None and planned.plan is not None:
        return Planned(planned.definition, planned.plan, planned)
    if request.source is Source.RAW:
        refuse_raw_gaps(builder)
    frozen = _definition(builder, request, stores)
    base = _base(current)
    project = request.project if request.fingerprint is None and not stores else None
    shared = shared_tables(builder, frozen, base, project) if request.reuse and base else ()
    unfinished = _unfinished(builder, log, request, frozen.fingerprint, base, shared)
    if unfinished is not None and unfinished.plan is not None:
        return Planned(unfinished.definition, unfinished.plan, unfinished)
    return Planned(
        frozen,
        Plan(
            source=request.source,
            bronze=_bronze(builder, current, request),
            base=base,
            actor=request.actor,
            reason=request.reason,
            since=request.first,
            until=request.end,
            shared=shared,
            operation=request.operation,
        ),
    )


def _planned(builder: Builder, operation: str | None) -> GoldVersion | None:
    versions = builder.versions.all() if operation is not None else []
    return next((version for version in versions if version.plan and version.plan.operation == operation), None)


def _definition(builder: Builder, request: ReprocessRequest, stores: bool) -> Definition:
    if request.fingerprint is None and not stores:
        return definition.of_project(request.project)
    if request.fingerprint is None:
        return definition.freeze(builder.files, builder.layout, request.project)
    for version in builder.versions.all():
        if version.definition.fingerprint == request.fingerprint:
            return version.definition
    try:
        builder.files.stat(builder.layout.definition(request.fingerprint))
    except NotFoundError as error:
        raise RefusedError(f"there is no frozen definition {request.fingerprint}: store it first") from error
    return Definition(request.fingerprint)


def _unfinished(
    builder: Builder,
    log: ReleaseLog,
    request: ReprocessRequest,
    fingerprint: str,
    base: Base | None,
    shared: tuple[str, ...],
) -> GoldVersion | None:
    """What is taken over from a version must be what readers see now."""
    for state in reversed(version_states(builder.versions, log.refresh())):
        made = state.version.plan
        if made is None or state.status not in (Status.BUILDING, Status.CANDIDATE):
            continue
        same = (made.source, made.since, made.until, made.shared) == (
            request.source,
            request.first,
            request.end,
            shared,
        )
        if made.since is not None or made.until is not None or made.shared:
            same &= made.base is not None and base is not None and made.base.gold_version == base.gold_version
        progress = ProgressFile(builder.files, builder.layout, state.number).read()
        is_done = progress is not None and progress.phase is Phase.DONE
        if same and state.version.definition.fingerprint == fingerprint and not is_done:
            return state.version
    return None


def _bronze(builder: Builder, current: Published | None, request: ReprocessRequest) -> BronzeCursor:
    """Where the release stands: then both can be compared as soon as history is built. A generation that is made from
    raw files is taken when the version is created."""
    if request.source is Source.RAW:
        return BronzeCursor(generations.unused_generation(builder.files, builder.layout), -1)
    if current is not None:
        return _still_fed(builder, current.release.bronze)
    head = delta_log.head_version(builder.files, builder.layout.bronze(FIRST_GENERATION))
    if head is None:
        raise RefusedError("bronze holds nothing yet: send events, then look at `lakehouse status`")
    return BronzeCursor(FIRST_GENERATION, head)


def _still_fed(builder: Builder, bronze: BronzeCursor) -> BronzeCursor:
    if generations.retirement(builder.files, builder.layout, bronze.generation) is not None:
        raise RefusedError(
            f"bronze generation {bronze.generation}, which readers see, is no longer fed: what is built from it would "
            "never be up to date; `lakehouse reprocess --from raw` builds from all raw files"
        )
    return bronze


def _base(current: Published | None) -> Base | None:
    if current is None:
        return None
    return Base(current.number, current.release.gold_version, current.release.snapshot)
