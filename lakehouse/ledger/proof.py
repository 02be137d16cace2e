"""What has once been proved of a gold version, position by position, so that it need not be read again.

In: evidence whose verdict was balanced where it was judged. Out: a :class:`Proof`, a document beside the version; and
evidence in which the proof stands for the hours that it covers. The tables' logs show whether a proof still holds
(``prove``).
"""

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber, SnapshotNumber
from lakehouse.ledger import spans
from lakehouse.ledger.accepted import accepted_hours, given_up
from lakehouse.ledger.judge import Verdict
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Doubt, Evidence, Run, Stage, Stream
from lakehouse.releases.model import BronzeCursor, Release, TableState

SILVER = tuple(f"{tables.SILVER_SCHEMA}.{name}" for name in (tables.SILVER_EVENTS, tables.SILVER_DUPLICATES))
"""The tables in which a consumed position is, in exactly one of them."""

_WITHOUT_BEGINNING = (Doubt.UNREADABLE, Doubt.NO_LEDGER)


class Proved(msgspec.Struct, frozen=True, array_like=True):
    """Positions ``first`` to ``last`` of an incarnation, accepted in ``hour``: at every stage (but
    for raw gaps that are booked), counted once."""

    edge: str
    incarnation: str
    hour: int
    first: int
    last: int

    @property
    def run(self) -> Run:
        return Run(self.edge, self.incarnation, self.first, self.last, self.hour)


class Proof(msgspec.Struct, frozen=True):
    """All positions of the hours before ``through``, as the tables of ``snapshot`` hold them."""

    gold_version: GoldVersionNumber
    snapshot: SnapshotNumber
    bronze: BronzeCursor
    through: int
    tables: dict[str, TableState]
    positions: list[Proved]

    @property
    def reached(self) -> dict[Stream, int]:
        """The first sequence of each incarnation that is not proved."""
        found: dict[Stream, int] = {}
        for one in self.positions:
            stream = Stream(one.edge, one.incarnation)
            found[stream] = max(found.get(stream, 0), one.last + 1)
        return found


def proof_of(release: Release, evidence: Evidence, verdict: Verdict) -> Proof | None:
    """None where no hour has been judged, or where an incarnation may have begun nobody knows when; the verdict must be
    balanced where it was judged."""
    if verdict.watermark.instant is None or any(one.reason in _WITHOUT_BEGINNING for one in verdict.unproved):
        return None
    judged = verdict.watermark.instant // MICROSECONDS_PER_HOUR
    through, lost = min([judged, *(one.hour for one in verdict.unproved)]), given_up(evidence)
    positions = [
        Proved(stream.edge, stream.incarnation, hour, start, end - 1)
        for stream, hours in accepted_hours(evidence).items()
        for hour, held in hours.items()
        if hour < through
        for start, end in spans.subtract(held, lost.get(stream, []))
    ]
    states = {name: release.tables[name] for name in SILVER}
    return Proof(release.gold_version, release.snapshot, release.bronze, through, states, positions)


def upheld(evidence: Evidence, proof: Proof) -> Evidence:
    """The evidence of the hours from ``proof.through`` on; for those before it, every stage has what is proved."""
    proved = tuple(one.run for one in proof.positions)
    speaking = (Stage.KAFKA, Stage.RAW, Stage.BRONZE, Stage.SILVER)
    stages = {
        stage: (*(proved if stage in speaking else ()), *_since(evidence.runs(stage), proof.through)) for stage in Stage
    }
    return replace(evidence, stages=stages, proved_before=proof.through)


def _since(runs: Iterable[Run], hour: int) -> Iterable[Run]:
    return (run for run in runs if run.hour >= hour)
