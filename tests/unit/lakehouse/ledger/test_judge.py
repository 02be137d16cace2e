"""Whatever is dropped or counted twice is found, by name, at the right stage and hour."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from lakehouse.contracts.records import EdgeLedger
from lakehouse.ledger.coverage import watermark
from lakehouse.ledger.judge import judge
from lakehouse.ledger.model import COUNTED, MICROSECONDS_PER_HOUR, Evidence, Run, Stage
from tests.support.ledger_worlds import (
    COPIES,
    FIRST_HOUR,
    Position,
    evidence_of,
    ledgers_of,
    with_more,
    without,
    worlds,
)

EQUATION = ("accepted", "kafka", "raw", "bronze")


@given(worlds())
def test_a_whole_world_is_balanced_and_its_columns_are_counts(world: list[Position]) -> None:
    verdict = judge(evidence_of(world))
    totals = verdict.totals
    assert verdict.balanced
    assert {totals[column] for column in EQUATION} == {len(world)}
    for stage in COUNTED:
        assert totals[stage] == sum(position.became is stage for position in world)
    assert {line.hour: line.counts["accepted"] for line in verdict.hours} == Counter(p.hour for p in world)
    assert totals["in_flight"] == totals["lost"] == totals["redelivered"] == 0


@given(worlds(), st.sampled_from(COPIES), st.data())
def test_a_dropped_position_is_named_at_its_station(world: list[Position], stage: Stage, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(world))
    verdict = judge(without(evidence_of(world), stage, gone.run))
    assert not verdict.balanced
    (discrepancy,) = verdict.missing
    assert (discrepancy.stage, discrepancy.hour) == (stage, gone.hour)
    assert (discrepancy.edge, discrepancy.segment, discrepancy.first, discrepancy.last) == (
        gone.edge,
        gone.segment,
        gone.seq,
        gone.seq,
    )
    wrong = [line.hour for line in verdict.hours if not line.balanced]
    assert wrong == [gone.hour]


@given(worlds(), st.data())
def test_a_position_that_no_model_took_is_named_at_silver(world: list[Position], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(world))
    verdict = judge(without(evidence_of(world), gone.became, gone.run))
    assert not verdict.balanced
    assert [(t.stage, t.segment, t.first, t.last, t.hour) for t in verdict.missing] == [
        (Stage.SILVER, gone.segment, gone.seq, gone.seq, gone.hour)
    ]


@given(worlds(), st.data())
def test_what_never_reached_kafka_is_named_there_and_not_at_what_follows(
    world: list[Position], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(world))
    evidence = evidence_of(world)
    for stage in (Stage.KAFKA, Stage.BRONZE, gone.became):
        evidence = without(evidence, stage, gone.run)
    verdict = judge(evidence)
    assert [(t.stage, t.first) for t in verdict.missing] == [(Stage.KAFKA, gone.seq)]
    assert not verdict.balanced


@given(worlds(), st.sampled_from(COUNTED), st.data())
def test_a_position_counted_twice_is_named(world: list[Position], again: Stage, data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(world))
    verdict = judge(with_more(evidence_of(world), again, twice.run))
    assert not verdict.balanced
    assert [(t.stage, t.segment, t.first, t.last) for t in verdict.doubled] == [
        (Stage.SILVER, twice.segment, twice.seq, twice.seq)
    ]
    assert verdict.missing == []


@given(worlds(), st.sampled_from((Stage.KAFKA, Stage.BRONZE)), st.data())
def test_a_redelivered_batch_changes_no_balance(world: list[Position], stage: Stage, data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(world), max_size=5))
    verdict = judge(with_more(evidence_of(world), stage, *(position.run for position in again)))
    assert verdict.balanced
    assert verdict.totals["redelivered"] == (len(again) if stage is Stage.BRONZE else 0)


@given(worlds(), st.integers(0, 3), st.sampled_from((*COPIES, None)), st.data())
def test_in_later_hours_what_is_not_everywhere_is_in_flight(
    world: list[Position], complete: int, stage: Stage | None, data: st.DataObject
) -> None:
    behind = data.draw(st.lists(st.sampled_from(world), unique=True))
    late = [p for p in behind if p.hour >= FIRST_HOUR + complete]
    evidence = evidence_of(world, complete)
    for position in late:
        evidence = without(evidence, stage or position.became, position.run)
    verdict = judge(evidence)
    totals = verdict.totals
    assert verdict.balanced
    assert totals["in_flight"] == len(late)
    assert {totals[column] for column in EQUATION} == {len(world) - len(late)}
    assert sum(totals[counted] for counted in COUNTED) == len(world) - len(late)
    assert judge(evidence, everything=True).balanced == (not late)


@given(worlds(), st.data())
def test_given_up_positions_are_lost_and_balance(world: list[Position], data: st.DataObject) -> None:
    gone = data.draw(st.lists(st.sampled_from(world), min_size=1, unique=True))
    evidence = replace(evidence_of(world), lost=tuple(position.run for position in gone))
    for position in gone:
        for stage in (*COPIES, position.became):
            evidence = without(evidence, stage, position.run)
    verdict = judge(evidence)
    assert verdict.balanced
    assert verdict.totals["lost"] == len(gone)
    assert verdict.totals["accepted"] == len(world)
    assert verdict.missing == []


@given(worlds(), st.data())
def test_a_lost_position_that_turns_up_is_no_longer_lost(world: list[Position], data: st.DataObject) -> None:
    found = data.draw(st.sampled_from(world))
    verdict = judge(replace(evidence_of(world), lost=(found.run,)))
    assert verdict.balanced
    assert verdict.totals["lost"] == 0


@given(worlds(), st.data())
def test_a_ledger_that_is_some_seconds_old_hides_nothing(world: list[Position], data: st.DataObject) -> None:
    evidence = evidence_of(world, 4)
    stale = data.draw(st.integers(0, len(world)))
    said = ledgers_of(world[:stale], evidence.complete_through or 0)
    nothing = {ledger.incarnation: structs.replace(ledger, next=0, hours={}) for ledger in evidence.ledgers}
    old = replace(evidence, ledgers=tuple((nothing | {one.incarnation: one for one in said}).values()))
    verdict = judge(old, everything=True)
    assert verdict.balanced
    assert verdict.totals["accepted"] == len(world)


@given(worlds())
def test_an_edge_that_owes_raw_files_holds_the_judgement_back(world: list[Position]) -> None:
    evidence = evidence_of(world)
    owing = evidence.ledgers[0]
    early = FIRST_HOUR * MICROSECONDS_PER_HOUR
    slow = EdgeLedger(owing.edge, owing.incarnation, owing.next + 1, owing.hours, early, early)
    mark = watermark(replace(evidence, ledgers=(slow, *evidence.ledgers[1:])))
    assert mark.instant == early
    assert mark.held_back_by == (f"{owing.edge}/{owing.incarnation}",)
    assert watermark(evidence).held_back_by == ()


def test_an_idle_edge_holds_nothing_back() -> None:
    through = (FIRST_HOUR + 2) * MICROSECONDS_PER_HOUR
    idle = EdgeLedger("edge-1", "0" * 16, 0, {}, raw_mark=through, at=through)
    assert watermark(Evidence(ledgers=(idle,), complete_through=through)).instant == through


def test_before_the_first_release_everything_is_in_flight() -> None:
    run = Run("edge-1", "0" * 16 + "-0", 0, 9, FIRST_HOUR)
    verdict = judge(Evidence(stages={Stage.KAFKA: (run,)}))
    assert verdict.balanced
    assert verdict.totals["in_flight"] == 10
    assert verdict.totals["accepted"] == 0


def test_a_hole_between_raw_files_is_named_before_its_hour_is_judged() -> None:
    hole = Run("edge-1", "0" * 16 + "-1", 10, 19, FIRST_HOUR)
    verdict = judge(Evidence(raw_holes=(hole,)))
    assert not verdict.balanced
    assert [(t.stage, t.first, t.last) for t in verdict.missing] == [(Stage.RAW, 10, 19)]
