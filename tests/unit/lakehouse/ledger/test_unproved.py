"""What nothing can judge is not called balanced, and blinds nobody else."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts.records import EdgeLedger
from lakehouse.ledger.judge import Verdict, judge
from lakehouse.ledger.model import (
    MICROSECONDS_PER_HOUR,
    Doubt,
    Evidence,
    Run,
    Stage,
    Stream,
    Unread,
    show_hour,
)
from lakehouse.ledger.proof import proof_of, upheld
from tests.support.ledger_worlds import COPIES, FIRST_HOUR, Position, evidence_of, without, worlds
from tests.unit.lakehouse.ledger.test_proof import SHOWN

THROUGH = (FIRST_HOUR + 4) * MICROSECONDS_PER_HOUR
DEAD, LIVE = Stream("edge-2", f"{2:016x}"), Stream("edge-1", f"{1:016x}")


def positions(stream: Stream, *hours: int) -> list[Position]:
    return [
        Position(stream.edge, f"{stream.incarnation}-0", seq, FIRST_HOUR + hour, Stage.SILVER)
        for seq, hour in enumerate(hours)
    ]


def ledger(own: list[Position], stream: Stream, at: int, *, ended: bool = False, closed: bool = False) -> EdgeLedger:
    """What an edge says at an instant: all that it accepted in hours that had ended, all of it in raw files."""
    hours = Counter(show_hour(one.hour)[:13] for one in own if (one.hour + 1) * MICROSECONDS_PER_HOUR <= at)
    return EdgeLedger(*stream, hours.total(), dict(hours), raw_mark=at, at=at, ended=ended, closed=closed)


def two_edges(dead: EdgeLedger | None, dead_has: list[Position], *unread: Unread) -> Evidence:
    """A live edge with an event an hour, and another of which there may be more."""
    alive = positions(LIVE, 0, 1, 2, 3)
    evidence = evidence_of([*alive, *dead_has])
    ledgers = (ledger(alive, LIVE, THROUGH), *([dead] if dead else []))
    return replace(evidence, ledgers=ledgers, unread=unread)


def hours_of(verdict: Verdict, stream: Stream = DEAD) -> list[tuple[int, str]]:
    assert {one.stream for one in verdict.unproved} <= {stream}
    return [(one.hour - FIRST_HOUR, str(one.reason)) for one in verdict.unproved]


def judged(verdict: Verdict) -> list[bool]:
    return [line.judged for line in verdict.hours]


def test_an_edge_that_fell_silent_is_unproved_since_its_last_word() -> None:
    """All that it is known to have accepted is everywhere: what it accepted after its last ledger nobody knows."""
    own = positions(DEAD, 0, 0, 1)
    at = (FIRST_HOUR + 2) * MICROSECONDS_PER_HOUR + 180_000_000
    verdict = judge(two_edges(ledger(own, DEAD, at), own))
    assert hours_of(verdict) == [(2, "silent"), (3, "silent")]
    assert (verdict.balanced, verdict.balanced_where_judged, verdict.missing) == (False, True, [])
    assert judged(verdict) == [True, True, False, False]
    assert [line.balanced for line in verdict.hours] == [True, True, False, False]
    assert "2025-11-24T18:03:00Z" in verdict.unproved[0].detail
    assert verdict.totals["accepted"] == 7, "the other edge's events are counted"


@pytest.mark.parametrize("more", [{"closed": True, "ended": True}, {"ended": True}], ids=["closed", "drained"])
def test_one_that_accepts_nothing_more_has_said_all(more: dict[str, bool]) -> None:
    own = positions(DEAD, 0, 0, 1)
    assert judge(two_edges(ledger(own, DEAD, (FIRST_HOUR + 2) * MICROSECONDS_PER_HOUR, **more), own)).balanced


def test_a_dead_edge_that_never_accepted_anything_is_unproved_too() -> None:
    verdict = judge(two_edges(EdgeLedger(*DEAD, 0, {}, raw_mark=1, at=THROUGH - 1), []))
    assert hours_of(verdict) == [(3, "silent")]
    assert judge(two_edges(EdgeLedger(*DEAD, 0, {}, raw_mark=1, at=THROUGH), [])).balanced


def test_what_a_dead_edge_has_not_shipped_is_unproved_in_its_hour() -> None:
    own = positions(DEAD, 0, 1, 2)
    evidence = two_edges(EdgeLedger(*DEAD, 3, ledger(own, DEAD, THROUGH).hours, FIRST_HOUR, THROUGH), own)
    verdict = judge(without(evidence, Stage.RAW, own[1].run))
    assert hours_of(verdict) == [(1, "unshipped")]
    assert judged(verdict) == [True, False, True, True], "hours that are in raw files are judged"


def test_events_without_any_ledger_are_unproved_from_their_first_hour_on() -> None:
    assert hours_of(judge(two_edges(None, positions(DEAD, 1)))) == [(hour, "no_ledger") for hour in (1, 2, 3)]


def test_one_that_is_known_by_its_watermarks_alone_is_unproved_since_then() -> None:
    """It never reached HDFS; what it accepted after them may lie on its disk."""
    mark = (FIRST_HOUR + 2) * MICROSECONDS_PER_HOUR + 1
    evidence = replace(two_edges(None, []), marks={DEAD: mark})
    assert hours_of(judge(evidence)) == [(hour, "no_ledger") for hour in (2, 3)]
    assert hours_of(judge(replace(evidence, marks={DEAD: 0}))) == [(hour, "no_ledger") for hour in (0, 1, 2, 3)]
    assert judge(replace(evidence, marks={DEAD: THROUGH})).balanced
    assert judge(replace(evidence, retired={DEAD: 0})).balanced
    seen = replace(two_edges(None, positions(DEAD, 1)), marks={DEAD: mark})
    assert hours_of(judge(seen)) == [(hour, "no_ledger") for hour in (1, 2, 3)]


def test_a_hole_before_what_was_seen_was_accepted_though_no_ledger_says_so() -> None:
    own = positions(DEAD, 1, 1, 1)
    evidence = two_edges(None, own[2:])
    assert hours_of(judge(evidence)) == [(hour, "no_ledger") for hour in (0, 1, 2, 3)], "nobody knows since when"
    verdict = judge(replace(evidence, retired={DEAD: 3}))
    assert [(one.stage, one.first, one.last) for one in verdict.missing if one.edge == DEAD.edge] == [
        (Stage.KAFKA, 0, 1),
        (Stage.RAW, 0, 1),
    ]


def test_an_unreadable_ledger_is_named_and_a_retirement_decides_without_it() -> None:
    own = positions(DEAD, 2)
    torn = Unread("/w/edges/edge-2/x.json", *DEAD, is_ledger=True, message="it ends too early")
    verdict = judge(two_edges(None, own, torn))
    assert hours_of(verdict) == [(2, "unreadable"), (3, "unreadable")]
    assert verdict.unproved[0].detail == "/w/edges/edge-2/x.json cannot be read: it ends too early"
    assert judge(replace(two_edges(None, own, torn), retired={DEAD: 1})).balanced
    other = replace(torn, is_ledger=False)
    assert not judge(replace(two_edges(None, own, other), retired={DEAD: 1})).balanced


def test_one_that_delivers_after_it_was_given_up_is_unproved_again() -> None:
    own, at = positions(DEAD, 0, 2), (FIRST_HOUR + 1) * MICROSECONDS_PER_HOUR
    said = ledger(own, DEAD, at)
    assert judge(replace(two_edges(said, own[:1]), retired={DEAD: 1})).balanced
    back = replace(two_edges(said, own), retired={DEAD: 1})
    assert hours_of(judge(back)) == [(hour, "silent") for hour in (1, 2, 3)]
    assert judge(replace(back, retired={DEAD: 2})).balanced, "given up again"


def test_an_edge_of_which_nothing_else_is_known_is_named() -> None:
    verdict = judge(two_edges(None, [], Unread("/w/edges/edge-9", "edge-9")))
    assert {one.stream for one in verdict.unproved} == {Stream("edge-9", "?")}
    assert not verdict.balanced


def test_an_unreadable_manifest_leaves_what_it_may_hold_unproved_and_nothing_else() -> None:
    own = positions(DEAD, 0, 1, 2)
    evidence = without(two_edges(ledger(own, DEAD, THROUGH), own), Stage.RAW, own[1].run)
    assert [one.stage for one in judge(evidence).missing] == [Stage.RAW]
    torn = Unread("/w/raw/m.json", incarnation=DEAD.incarnation, hours=(FIRST_HOUR, FIRST_HOUR + 72))
    for everything in (False, True):
        verdict = judge(replace(evidence, unread=(torn,)), everything=everything)
        assert hours_of(verdict) == [(1, "unreadable")]
        assert verdict.missing == []
    assert judge(replace(evidence, unread=(replace(torn, hours=(0, 1)),))).missing, "it is not of those hours"


def test_a_gap_whose_copy_kafka_has_lost_is_missing_though_no_ledger_knows_it() -> None:
    gap = Run(*DEAD, 0, 4, FIRST_HOUR)
    evidence = replace(two_edges(ledger([], DEAD, THROUGH, ended=True), []), raw_gaps=(gap,))
    assert [(one.stage, one.first, one.last) for one in judge(evidence).missing] == [(Stage.KAFKA, 0, 4)]


def test_an_hour_that_an_edge_may_still_speak_of_is_in_flight() -> None:
    own = positions(DEAD, 0, 1, 2)
    evidence = two_edges(ledger(own, DEAD, (FIRST_HOUR + 3) * MICROSECONDS_PER_HOUR), own)
    recent = replace(evidence, heard_since=THROUGH - 1)
    assert (judge(recent).balanced, judge(evidence).balanced) == (True, False)
    assert hours_of(judge(recent, everything=True)) == [(3, "silent")], "who waits is not told that it is proved"


@pytest.mark.parametrize("at", [0, FIRST_HOUR * MICROSECONDS_PER_HOUR])
def test_a_list_begins_where_anything_is_known_of(at: int) -> None:
    """Also of an edge whose clock was of 1970, and of one that is all that there is."""
    verdict = judge(two_edges(EdgeLedger(*DEAD, 0, {}, raw_mark=at, at=at), []))
    assert [hour for hour, _ in hours_of(verdict)] == [0, 1, 2, 3]
    alone = Evidence(ledgers=(EdgeLedger(*DEAD, 0, {}, raw_mark=0, at=0),), complete_through=THROUGH)
    assert [hour for hour, _ in hours_of(judge(alone))] == [3]
    silent = replace(alone, complete_through=None, heard_since=THROUGH)
    assert judge(silent).balanced, "no hour is due before the first release"
    assert [hour for hour, _ in hours_of(judge(silent, everything=True))] == [3]


def test_what_has_been_proved_stays_proved() -> None:
    torn = Unread("/w/edges/edge-2/x.json", *DEAD)
    evidence = replace(two_edges(None, positions(DEAD, 0), torn), proved_before=FIRST_HOUR + 3)
    assert hours_of(judge(evidence)) == [(3, "unreadable")]


@dataclass(frozen=True)
class Failing:
    """A world, its whole evidence, and the same with some edges that fail and events that are not everywhere."""

    world: list[Position]
    whole: Evidence
    broken: Evidence
    failed: set[Stream]
    gone: set[Position]


@st.composite
def failing(draw: st.DrawFn) -> Failing:
    world = draw(worlds())
    whole = broken = evidence_of(world)
    streams = sorted({one.run.stream for one in world})
    failed = draw(st.sets(st.sampled_from(streams)))
    gone: set[Position] = set()
    for one in world:
        if (one.run.stream in failed or draw(st.integers(0, 9)) == 0) and draw(st.booleans()):
            for stage in draw(st.sampled_from([(*COPIES, one.became), (Stage.RAW,), (one.became,)])):
                broken = without(broken, stage, one.run)
            gone.add(one)
    ledgers, unread = [], []
    for stream in streams:
        own = [one for one in world if one.run.stream == stream]
        at = THROUGH if stream not in failed else (FIRST_HOUR + draw(st.integers(0, 4))) * MICROSECONDS_PER_HOUR
        how = draw(st.sampled_from(["old", "unreadable", "none"])) if stream in failed else "whole"
        if how == "none" and all(one in gone for one in own):
            how = "old"  # of one that has left nothing at all nobody can know
        if how in ("old", "whole"):
            ledgers.append(ledger(own, stream, at))
        if how == "unreadable":
            unread.append(Unread("/w/edges/x", *stream, is_ledger=True))
    broken = replace(broken, ledgers=tuple(ledgers), unread=tuple(unread))
    return Failing(world, whole, broken, failed, gone)


@given(failing(), st.booleans())
def test_nothing_is_balanced_while_an_accepted_event_may_be_missing(one: Failing, everything: bool) -> None:
    verdict = judge(one.broken, everything=everything)
    assert not (verdict.balanced and one.gone)
    assert judge(one.whole, everything=everything).balanced, "after it has healed"


@given(failing(), st.booleans())
def test_a_failing_edge_changes_no_other_verdict(one: Failing, everything: bool) -> None:
    def of_others(evidence: Evidence) -> tuple[object, ...]:
        verdict = judge(evidence, everything=everything)
        names = {stream.incarnation for stream in one.failed}
        missing = [each for each in verdict.missing if each.segment.partition("-")[0] not in names]
        return missing, [each for each in verdict.unproved if each.stream not in one.failed]

    def healthy(runs: tuple[Run, ...]) -> tuple[Run, ...]:
        return tuple(run for run in runs if run.stream not in one.failed)

    alone = replace(
        one.broken,
        stages={stage: healthy(runs) for stage, runs in one.broken.stages.items()},
        ledgers=tuple(each for each in one.broken.ledgers if Stream(each.edge, each.incarnation) not in one.failed),
        unread=(),
    )
    assert of_others(one.broken) == of_others(alone)
    lines = {line.hour: line.counts for line in judge(one.broken, everything=everything).hours}
    for line in judge(alone, everything=everything).hours:
        assert all(lines[line.hour][column] >= count for column, count in line.counts.items())


@given(failing())
def test_what_is_kept_as_proved_is_everywhere(one: Failing) -> None:
    """Also of a ledger that is let through though some edge cannot be judged."""
    verdict = judge(one.broken)
    if not verdict.balanced_where_judged:
        return
    proof = proof_of(SHOWN, one.broken, verdict)
    if proof is None:
        assert {str(each.reason) for each in verdict.unproved} & {"unreadable", "no_ledger"}
        return
    kept = {(each.incarnation, seq) for each in proof.positions for seq in range(each.first, each.last + 1)}
    accepted = [each for each in one.world if each.hour < proof.through]
    assert {(each.run.stream.incarnation, each.seq) for each in accepted} == kept
    assert not one.gone & set(accepted)
    again = judge(upheld(one.broken, proof))
    assert (again.unproved, again.balanced_where_judged) == (verdict.unproved, True)


@given(failing())
def test_each_doubt_has_an_hour_that_is_due_an_edge_and_a_reason(one: Failing) -> None:
    verdict = judge(one.broken)
    for each in verdict.unproved:
        assert FIRST_HOUR <= each.hour < FIRST_HOUR + 4
        assert each.stream in one.failed or each.reason is Doubt.UNSHIPPED
        assert each.detail
    assert {line.hour for line in verdict.hours if line.unproved} <= {each.hour for each in verdict.unproved}
