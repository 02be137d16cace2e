"""What must hold before readers are shown another gold version.

In: a :class:`Prospect`. Out: a sentence that says what was found, or :class:`RefusedError` that says what to do. That a
snapshot's audits have passed needs no gate: there is no snapshot without.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.errors import RefusedError
from lakehouse.ledger.gather import Gatherer
from lakehouse.ledger.judge import judge
from lakehouse.releases.log import Published
from lakehouse.releases.model import GoldVersion, Reason, Snapshot
from lakehouse.releases.publish import following
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Prospect:
    """What would be published, and the release that it would follow."""

    version: GoldVersion
    snapshot: Snapshot
    parent: Published


Gate = Callable[[Prospect, bool], str]
"""Called with whether the operator accepts differences."""


def caught_up(prospect: Prospect, accept: bool) -> str:
    """At the parent's bronze commits or later; of another generation, at its Kafka offsets or later."""
    ours, theirs = prospect.snapshot, prospect.parent.release
    if ours.bronze.generation == theirs.bronze.generation:
        behind = theirs.bronze.delta_version - ours.bronze.delta_version
        if behind > 0:
            raise RefusedError(
                f"gold version {prospect.version.version} is {behind} bronze commits behind release "
                f"{theirs.release}: wait for the transform service to bring it up to date"
            )
    return f"caught up: bronze commit {ours.bronze.delta_version}, as release {theirs.release}"


def ledger_is_balanced(settings: Settings) -> Gate:
    """Every accepted event is counted exactly once by the candidate's silver."""

    def gate(prospect: Prospect, accept: bool) -> str:
        shown = following(prospect.parent, prospect.version, prospect.snapshot, Reason.PROMOTE)
        verdict = judge(Gatherer(settings).gather(shown).evidence)
        if not verdict.balanced:
            raise RefusedError(
                f"the ledger of gold version {prospect.version.version} is not balanced: {len(verdict.missing)} runs "
                f"of positions are missing, {len(verdict.doubled)} are counted twice. `lakehouse reconcile` shows whether "
                "the current release has the same trouble"
            )
        return f"ledger balanced: {verdict.totals['accepted']:,} events accepted"

    return gate
