"""Rollback: readers are shown an earlier gold version again, by a new release. Nothing is built and nothing is checked:
what is published was audited and shown before.

In: the release log and a request. Out: a release that names the version's newest audited snapshot, or with
``exact`` a former release's own; then the live line holds still until an operator publishes again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse import table_files
from lakehouse.clients.files import Files
from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError, NotFoundError, RefusedError
from lakehouse.releases import generations
from lakehouse.releases.log import Published, ReleaseLog
from lakehouse.releases.model import GoldVersion, ReleaseKind, Snapshot
from lakehouse.releases.version_status import is_built
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform.locks import deciding, undisturbed
from lakehouse.transform.publishing.publish import following, refuse_after_another_operator
from lakehouse.verb_plan import VerbPlan


@dataclass(frozen=True)
class RollbackRequest:
    """Where to go back to. Without ``to``: to what was current before the last promote.

    ``operation`` is the id of an operation of the ops API, ``seen`` the release that was current when it was requested:
    since then no other operator may have published one.
    """

    actor: str
    to: ReleaseNumber | None = None
    exact: bool = False
    reason: str | None = None
    operation: str | None = None
    seen: ReleaseNumber | None = None


@dataclass(frozen=True)
class _Target:
    """What readers would be shown, and the release that it would follow."""

    version: GoldVersion
    snapshot: Snapshot
    parent: Published


def roll_back(settings: Settings, files: Files, log: ReleaseLog, request: RollbackRequest) -> Published:
    """:func:`rollback` on a warehouse: refuses, too, what could not be kept up to date or is beyond the retention."""
    versions, check = Versions(files, Layout(settings.warehouse)), _check(settings, files, request)
    if not request.exact:
        with deciding(settings):
            return rollback(log, versions, request, check)
    with undisturbed(settings), deciding(settings):
        return rollback(log, versions, request, check)


def plan(settings: Settings, files: Files, request: RollbackRequest) -> VerbPlan:
    """What :func:`roll_back` would do. Changes nothing; raises :class:`RefusedError`, too."""
    layout = Layout(settings.warehouse)
    log = ReleaseLog(files, layout)
    try:
        target = _target(log, Versions(files, layout), request, _check(settings, files, request))
    except NotFoundError as error:
        raise RefusedError(str(error)) from error
    _refuse_what_is_shown(target.parent, target.snapshot, request)
    version, snapshot, parent = target.version.version, target.snapshot, target.parent
    behind = _behind(parent.release.complete_through, snapshot.complete_through)
    shown = f"a release after {parent.number} shows gold version {version} again, at its snapshot {snapshot.number}"
    stale = _staleness(version, behind, is_held=request.exact)
    held = "it is held: cycles publish nothing until an operator does" if request.exact else None
    facts = {
        "gold_version": version,
        "snapshot": snapshot.number,
        "parent": parent.number,
        "held": request.exact,
        "seconds_behind": behind,
        "actor": request.actor,
        "reason": request.reason,
    }
    return VerbPlan("rollback", tuple(filter(None, (shown, stale, held))), facts)


def _check(settings: Settings, files: Files, request: RollbackRequest) -> Callable[[Snapshot], None]:
    """Refuses a snapshot that could not be kept up to date or, if that is not wanted, could not be read."""
    layout = Layout(settings.warehouse)

    def refuse_stale(snapshot: Snapshot) -> None:
        if generations.retirement(files, layout, snapshot.bronze.generation) is not None:
            raise RefusedError(
                f"bronze generation {snapshot.bronze.generation}, which gold version {snapshot.gold_version} is built "
                "from, is no longer fed: it could not be kept up to date. With --to and --exact, what a release showed "
                "is shown again; `lakehouse reprocess --from raw` builds the definition anew"
            )

    def refuse_unreadable(snapshot: Snapshot) -> None:
        for name, state in snapshot.tables.items():
            if table_files.missing(files, state.location, state.delta_version):
                raise RefusedError(
                    f"{name} cannot be shown as it was then: a vacuum has removed files of it, which are beyond "
                    "LAKEHOUSE_RELEASES__RETENTION (gold) or LAKEHOUSE_RELEASES__SILVER_WINDOW (silver)"
                )

    return refuse_unreadable if request.exact else refuse_stale


def rollback(
    log: ReleaseLog, versions: Versions, request: RollbackRequest, check: Callable[[Snapshot], None] = lambda _: None
) -> Published:
    """The new release. ``check`` may refuse the snapshot that would be shown (see :func:`roll_back`).

    Raises :class:`RefusedError` and changes nothing where there is nothing to go back to."""
    target = _target(log, versions, request, check)
    while True:
        parent = refuse_after_another_operator(log, target.parent)
        _refuse_what_is_shown(parent, target.snapshot, request)
        release = following(
            parent,
            target.version,
            target.snapshot,
            ReleaseKind.ROLLBACK,
            actor=request.actor,
            reason=request.reason,
            held=request.exact,
            operation=request.operation,
        )
        try:
            return log.append(release)
        except AlreadyExistsError:
            continue  # a cycle was first: what we go back to is the same


def _target(
    log: ReleaseLog, versions: Versions, request: RollbackRequest, check: Callable[[Snapshot], None]
) -> _Target:
    parent = log.current()
    if parent is None:
        raise RefusedError("nothing has been released yet")
    if request.seen is not None:
        parent = refuse_after_another_operator(log, log.get(request.seen))
    former = log.get(request.to) if request.to is not None else _before_last_promote(log)
    version, snapshot = _what_to_show(versions, former, request)
    check(snapshot)
    return _Target(version, snapshot, parent)


def seconds_behind(log: ReleaseLog, published: Published) -> int | None:
    """How much earlier the hours end that ``published`` is complete through than those of the release before it: 0 if
    they do not, None where it is complete through none."""
    parent = published.release.parent
    before = log.get(parent).release.complete_through if parent is not None else None
    return _behind(before, published.release.complete_through)


def _behind(before: int | None, reached: int | None) -> int | None:
    if before is None:
        return 0
    return None if reached is None else max(0, before - reached) // 1_000_000


def how_stale(published: Published, seconds: int | None) -> str | None:
    """The sentence for the operator about what is so many :func:`seconds_behind`; None if it is as fresh as what
    readers saw before. A former version is fed for LAKEHOUSE_RELEASES__FEED_FORMER only."""
    return _staleness(published.release.gold_version, seconds, is_held=published.release.held)


def _staleness(gold_version: GoldVersionNumber, seconds: int | None, *, is_held: bool) -> str | None:
    if seconds == 0:
        return None
    behind = "complete through no hour yet" if seconds is None else f"{seconds / 3600:.1f} hours behind"
    then = "" if is_held else "; the next cycles bring it up to date"
    return f"Gold version {gold_version} is {behind}{then}."


def _before_last_promote(log: ReleaseLog) -> Published:
    for published in reversed(log.refresh()):
        if published.release.kind == ReleaseKind.PROMOTE and published.release.parent is not None:
            return log.get(published.release.parent)
    raise RefusedError("nothing has been promoted yet; `rollback --to RELEASE` goes back to any release's gold version")


def _what_to_show(versions: Versions, target: Published, request: RollbackRequest) -> tuple[GoldVersion, Snapshot]:
    number = target.release.gold_version
    if versions.drop_of(number) is not None:
        raise RefusedError(f"gold version {number}, which release {target.number} showed, has been dropped")
    version = versions.get(number)
    if request.exact:
        return version, versions.snapshot(number, target.release.snapshot)
    newest = versions.latest_snapshot(number)
    if newest is None or not is_built(newest):
        raise NotFoundError(
            f"gold version {number}, which release {target.number} showed, has no whole snapshot: documents of it are "
            "lost. `rollback --to RELEASE` goes back to another version (`lakehouse release list --versions`), "
            "`lakehouse reprocess` builds this one's definition anew where it is checked out"
        )
    return version, newest


def _refuse_what_is_shown(parent: Published, snapshot: Snapshot, request: RollbackRequest) -> None:
    shown = parent.release
    if shown.gold_version != snapshot.gold_version:
        return
    is_same = shown.held and shown.snapshot == snapshot.number if request.exact else not shown.held
    if is_same:
        raise RefusedError(
            f"readers see gold version {shown.gold_version} already (release {shown.release}); "
            "`lakehouse release list` shows what there was, and `rollback --to RELEASE` goes back to it"
        )
