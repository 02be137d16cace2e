"""Small worlds of edges and stages, made by hypothesis, whose every position is at every stage once."""

from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from lakehouse.contracts.records import EdgeLedger
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Evidence, Run, Stage, show_hour

FIRST_HOUR = 490_000
COPIES = (Stage.KAFKA, Stage.RAW, Stage.BRONZE)


@dataclass(frozen=True)
class Position:
    """One accepted event, and which of the three it became."""

    edge: str
    segment: str
    seq: int
    hour: int
    became: Stage

    @property
    def run(self) -> Run:
        return Run(self.edge, self.segment, self.seq, self.seq, self.hour)


@st.composite
def worlds(draw: st.DrawFn) -> list[Position]:
    """Up to three incarnations of up to 30 events in up to four hours; segments are cut anywhere."""
    positions = []
    for number in range(draw(st.integers(1, 3))):
        edge, incarnation = draw(st.sampled_from(["edge-1", "edge-2"])), f"{number:016x}"
        hour, segment = FIRST_HOUR, 0
        for seq in range(draw(st.integers(1, 30))):
            hour = min(hour + draw(st.sampled_from([0, 0, 0, 0, 1])), FIRST_HOUR + 3)
            segment += draw(st.sampled_from([0, 0, 0, 1]))
            became = draw(st.sampled_from([Stage.SILVER, Stage.SILVER, Stage.DUPLICATES, Stage.QUARANTINED]))
            positions.append(Position(edge, f"{incarnation}-{segment}", seq, hour, became))
    return positions


def evidence_of(world: list[Position], complete_hours: int = 4) -> Evidence:
    """Everything at its place; the first ``complete_hours`` hours are complete."""
    runs = tuple(position.run for position in world)
    stages = dict.fromkeys(COPIES, runs)
    for became in (Stage.SILVER, Stage.DUPLICATES, Stage.QUARANTINED):
        stages[became] = tuple(position.run for position in world if position.became is became)
    through = (FIRST_HOUR + complete_hours) * MICROSECONDS_PER_HOUR
    return Evidence(ledgers=ledgers_of(world, through), stages=stages, complete_through=through)


def ledgers_of(world: list[Position], raw_mark: int) -> tuple[EdgeLedger, ...]:
    streams = dict.fromkeys(position.run.stream for position in world)
    ledgers = []
    for stream in streams:
        hours = Counter(show_hour(p.hour)[:13] for p in world if p.run.stream == stream)
        ledgers.append(EdgeLedger(*stream, next=hours.total(), hours=dict(hours), raw_mark=raw_mark, at=raw_mark))
    return tuple(ledgers)


def without(evidence: Evidence, stage: Stage, *runs: Run) -> Evidence:
    kept = tuple(run for run in evidence.stages[stage] if run not in runs)
    return replace(evidence, stages={**evidence.stages, stage: kept})


def with_more(evidence: Evidence, stage: Stage, *runs: Run) -> Evidence:
    return replace(evidence, stages={**evidence.stages, stage: (*evidence.stages[stage], *runs)})


ACCEPTED = [Position("edge-1", f"{7:016x}-0", seq, FIRST_HOUR, Stage.SILVER) for seq in range(3)]


def with_a_dead_edge() -> Evidence:
    """It has never said what it accepted, and has delivered one event; two other edges are well."""
    dead = Position("edge-2", f"{8:016x}-0", 0, FIRST_HOUR + 2, Stage.SILVER)
    evidence = evidence_of([*ACCEPTED, dead])
    return replace(evidence, ledgers=tuple(one for one in evidence.ledgers if one.edge != "edge-2"))
