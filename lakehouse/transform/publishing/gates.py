"""What must hold before readers are shown another gold version.

In: a :class:`Prospect`. Out: a sentence that says what was found, or :class:`RefusedError` that says what to do. That a
snapshot's audits have passed needs no gate: there is no snapshot without. What
makes a request senseless (no such version, dropped, already current, ...) is refused in ``promote``, before any gate.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lakehouse.clients.insights import prepared
from lakehouse.clients.trino import Trino
from lakehouse.errors import RefusedError
from lakehouse.ledger.prove import Judged
from lakehouse.ledger.report import unproved_text
from lakehouse.releases.log import Published
from lakehouse.releases.model import GoldVersion, ReleaseKind, Snapshot
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform.building.watermark import reaches
from lakehouse.transform.diff.common_point import common_point
from lakehouse.transform.diff.model import Limits, MetricChange
from lakehouse.transform.diff.run import difference
from lakehouse.transform.diff.share import largest_change, share
from lakehouse.transform.diff.wording import percentage, title
from lakehouse.transform.gold_columns import Columns, missing_for_good, missing_measures
from lakehouse.transform.publishing.accepted_edges import AcceptedEdges
from lakehouse.transform.publishing.publish import following


@dataclass(frozen=True)
class Prospect:
    """What would be published, and the release that it would follow."""

    version: GoldVersion
    snapshot: Snapshot
    parent: Published
    beside: Snapshot
    """The newest snapshot of the parent's version."""
    accepted: AcceptedEdges = field(default_factory=AcceptedEdges)


Gate = Callable[[Prospect, bool], str]
"""Called with whether the operator accepts differences."""


def stands_beside(ours: Snapshot, theirs: Snapshot) -> bool:
    """Whether ours has consumed all that theirs has: the same bronze commits or, of another generation, the same Kafka
    offsets."""
    if ours.bronze.generation == theirs.bronze.generation:
        return ours.bronze.delta_version >= theirs.bronze.delta_version
    return reaches(ours.offsets, theirs.offsets)


def caught_up(prospect: Prospect, accept: bool) -> str:
    """At the parent's bronze commits or later."""
    if not stands_beside(prospect.snapshot, prospect.beside):
        raise RefusedError(
            f"gold version {prospect.version.version} has not consumed what release {prospect.parent.number} shows: "
            "wait until the transform service has brought it up to date"
        )
    bronze = prospect.snapshot.bronze
    return f"caught up: generation {bronze.generation}, bronze commit {bronze.delta_version}"


def is_whole(settings: Settings) -> Gate:
    """All measures that readers know; one that is missing would be shown as zero. Tables and their keys cannot be: what
    was shown would be gone without a restatement, or the views of SQL would stop, and that is accepted from nobody."""
    known = Columns(Trino.of(settings, read_only=True))  # asked once, though a promote checks this gate twice

    def gate(prospect: Prospect, accept: bool) -> str:
        columns = known.of_gold(prospect.snapshot.tables)
        if keys := ", ".join(missing_for_good(columns)):
            raise RefusedError(
                f"gold version {prospect.version.version} lacks {keys}, without which no row is found. "
                "Mend the models and reprocess"
            )
        lacking = ", ".join(missing_measures(columns))
        if lacking and not accept:
            raise RefusedError(
                f"gold version {prospect.version.version} lacks {lacking}, which readers know: they would be shown "
                "zero. Mend the models and reprocess, or promote with --accept --reason"
            )
        return f"lacking, accepted and shown as zero: {lacking}" if lacking else "whole: all that readers know"

    return gate


def ledger_is_balanced(judged: Judged) -> Gate:
    """Every accepted event is counted exactly once by the candidate's silver. Hours that cannot be judged are not
    proved: they are let through only of edges that the operator has named."""

    def gate(prospect: Prospect, accept: bool) -> str:
        shown = following(prospect.parent, prospect.version, prospect.snapshot, ReleaseKind.PROMOTE)
        verdict = judged(shown)
        if not verdict.balanced_where_judged:
            raise RefusedError(
                f"the ledger of gold version {prospect.version.version} is not balanced: {len(verdict.missing)} runs "
                f"of positions are missing, {len(verdict.doubled)} are counted twice. `lakehouse reconcile` shows "
                "whether the current release has the same trouble"
            )
        balanced = f"ledger balanced: {verdict.totals['accepted']:,} events accepted"
        if rest := prospect.accepted.not_accepted(verdict.unproved):
            edges = sorted({"/".join(one.stream) for one in rest})
            raise RefusedError(
                f"the ledger of gold version {prospect.version.version} is not proved. "
                + " ".join(unproved_text(rest))
                + " Or promote without a proof of these hours: "
                + " ".join(f"--accept-unproved {edge}" for edge in edges)
                + " --reason ..."
            )
        if not verdict.unproved:
            return balanced
        return f"{balanced}; accepted without proof: " + " ".join(unproved_text(verdict.unproved))

    return gate


def differs_within_limits(settings: Settings, versions: Versions) -> Gate:
    """No metric's total changes by more than the operator's limit, unless that is accepted. They are compared where
    both had consumed the same: a version that was rolled back to may be behind the candidate."""
    limit = settings.releases.max_change

    def gate(prospect: Prospect, accept: bool) -> str:
        if math.isinf(limit):
            return "differences: no limit is set (LAKEHOUSE_RELEASES__MAX_CHANGE)"
        before, after = _at_one_point(versions, prospect.beside, prospect.snapshot)
        found = difference(Trino.of(settings, read_only=True), before, after, Limits(top=1, only_metrics=True))
        most = largest_change(found)
        if most is None:
            return "differences: no metric's total changes"
        if share(most) <= limit:
            return f"differences: {title(most)} changes most, {_by(most)}"
        if not accept:
            raise RefusedError(
                f"gold version {prospect.version.version} changes {title(most)} {_by(most)}; the limit is "
                f"{percentage(limit)}. Look at `lakehouse diff {prospect.version.version}`, then promote with "
                "--accept --reason"
            )
        return f"differences, accepted: {title(most)} changes {_by(most)}"

    return gate


def is_prepared(settings: Settings, patience: float = 60.0) -> Gate:
    """The insights API has it in memory, so that readers need not wait for it; where it does not answer, nor do we."""

    def gate(prospect: Prospect, accept: bool) -> str:
        deadline = time.monotonic() + patience
        while (known := prepared(settings.insights_url)) is not None:
            if known.get(prospect.version.version, -1) >= prospect.snapshot.number:
                return "the insights API has loaded it"
            if time.monotonic() > deadline:
                return "the insights API has not loaded it yet: its first answers will be late"
            time.sleep(0.05)
        return "the insights API does not answer: it loads the version when it is back"

    return gate


def _by(metric: MetricChange) -> str:
    return "from 0" if math.isinf(share(metric)) else f"by {percentage(share(metric))}"


def _at_one_point(versions: Versions, before: Snapshot, after: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Without such a point they are compared as they stand: a change is rather refused than let through unseen."""
    try:
        return common_point(versions, before, after)
    except RefusedError:
        return before, after
