"""Drop: a candidate is needed no more; its tables go.

In: a gold version's number. Out: its drop document, after which nobody builds or promotes it, and the removal of its
tables now or, where it is being built, by its builder as soon as that sees the document. What readers were shown is
never dropped within the retention.
"""

from dataclasses import dataclass
from datetime import timedelta

from lakehouse import instants
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.errors import AlreadyExistsError, RefusedError
from lakehouse.releases import restated
from lakehouse.releases.log import ReleaseLog
from lakehouse.releases.model import Drop, new_nonce
from lakehouse.releases.version_status import Status, VersionState, version_states
from lakehouse.releases.versions import Versions
from lakehouse.transform.building.builder import Builder, Progress
from lakehouse.transform.history.by_release import History
from lakehouse.transform.locks import building, deciding
from lakehouse.transform.maintenance import removal
from lakehouse.transform.maintenance.sizes import costs
from lakehouse.transform.orphaned_queries import end_queries
from lakehouse.verb_plan import VerbPlan


@dataclass(frozen=True)
class DropRequest:
    """``operation`` is the id of an operation of the ops API; the same one again goes on where a kill has ended it."""

    gold_version: GoldVersionNumber
    actor: str
    reason: str | None = None
    operation: str | None = None


def drop(builder: Builder, request: DropRequest, say: Progress = lambda _: None) -> None:
    """Raises :class:`RefusedError` where readers see the version, or may ask for it within the retention."""
    before = builder.versions.drop_of(request.gold_version)
    if before is None or request.operation is None or before.operation != request.operation:
        with deciding(builder.settings):  # what is published meanwhile is not what was looked at
            _add_drop(builder, request)
    _forget(builder)
    _remove(builder, request.gold_version, say)


def plan(builder: Builder, request: DropRequest) -> VerbPlan:
    """What :func:`drop` would do. Changes nothing; raises :class:`RefusedError`, too."""
    number = request.gold_version
    state = _droppable(builder, number)
    releases = ReleaseLog(builder.files, builder.layout).refresh()
    [size] = [cost.own for cost in costs(builder.files, builder.layout, releases) if cost.version == number] or [0]
    facts = {"gold_version": number, "bytes": size, "actor": request.actor, "reason": request.reason}
    removed = f"its tables are removed, {size:,} bytes that no other version needs"
    if state.status is Status.BUILDING:
        removed = f"its builder stops, and {removed}"
    return VerbPlan("drop", (f"gold version {number} is marked as dropped", removed), facts)


def _add_drop(builder: Builder, request: DropRequest) -> None:
    number = _droppable(builder, request.gold_version).number
    at = instants.now_micros()
    try:
        builder.versions.add_drop(Drop(number, request.actor, request.reason, at, new_nonce(), request.operation))
    except AlreadyExistsError as error:
        raise RefusedError(f"gold version {number} has been dropped already") from error


def _droppable(builder: Builder, number: GoldVersionNumber) -> VersionState:
    log = ReleaseLog(builder.files, builder.layout)
    found = next((state for state in version_states(builder.versions, log.refresh()) if state.number == number), None)
    if found is None:
        raise RefusedError(f"there is no gold version {number}; see `lakehouse release list`")
    _refuse_by_status(found)
    sharing = _sharing(builder.versions, number)
    _refuse_within_retention(found, builder.settings.releases.retention, sharing)
    if sharing is not None:
        raise RefusedError(f"gold version {sharing} shares tables of gold version {number}: drop {sharing} first")
    return found


def _forget(builder: Builder) -> None:
    """SQL's view of the past must not read what is about to go."""
    log = ReleaseLog(builder.files, builder.layout)
    if log.current() is not None:
        history = History(builder.trino, log, builder.settings.releases.retention)
        history.update(lambda version: builder.versions.drop_of(version) is not None, instants.now())


def _remove(builder: Builder, number: GoldVersionNumber, say: Progress) -> None:
    end_queries(builder.trino, number)
    with building(builder.settings, number, wait=False) as mine:
        if mine:
            remove(builder, number)
            say(f"the tables of gold version {number} are removed")
        else:
            say(f"gold version {number} is being built; its builder stops, and removes its tables")


def remove(builder: Builder, number: GoldVersionNumber) -> None:
    """What only this dropped version needs. The caller holds its lock."""
    files, layout = builder.files, builder.layout
    removal.remove_version(
        builder.trino,
        files,
        layout,
        number,
        builder.settings.releases,
        instants.now(),
        restated.restated_through(files, layout),
    )


def _sharing(versions: Versions, number: GoldVersionNumber) -> GoldVersionNumber | None:
    """A version that shares tables of this one, and has not been dropped."""
    for other in versions.all():
        plan = other.plan
        is_owner = plan is not None and plan.shared and plan.base is not None and plan.base.gold_version == number
        if is_owner and versions.drop_of(other.version) is None:
            return other.version
    return None


def _refuse_by_status(state: VersionState) -> None:
    if state.status is Status.CURRENT:
        raise RefusedError(f"gold version {state.number} is what readers see; roll back or promote another first")
    if state.status is Status.DROPPED:
        raise RefusedError(f"gold version {state.number} has been dropped already")


def _refuse_within_retention(state: VersionState, retention: timedelta, sharing: GoldVersionNumber | None) -> None:
    """What shares its tables is named, but nobody should drop that for it: it would stay all the same."""
    left_at = state.left_at
    also = "" if sharing is None else f"; gold version {sharing} shares tables of it, too"
    if state.status is Status.FORMER and left_at is not None and instants.now() - left_at < retention:
        raise RefusedError(
            f"gold version {state.number} was shown to readers until {instants.to_text(left_at)}; what was shown "
            f"stays readable for {retention.days} days (LAKEHOUSE_RELEASES__RETENTION){also}"
        )
