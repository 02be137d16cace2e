"""An edge that is gone: what no stage has seen is lost, nothing that arrived is, and the ledger balances again."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts.records import Booked, EdgeLedger
from lakehouse.ledger.booking import Booking, booking, count
from lakehouse.ledger.coverage import watermark
from lakehouse.ledger.judge import judge
from lakehouse.ledger.model import COUNTED, MICROSECONDS_PER_HOUR, Evidence, Run, Stage, Stream
from lakehouse.ledger.proof import proof_of, upheld
from tests.support.ledger_worlds import COPIES, FIRST_HOUR, Position, evidence_of, ledgers_of, without, worlds
from tests.unit.lakehouse.ledger.test_proof import SHOWN

THROUGH = FIRST_HOUR + 4


@dataclass(frozen=True)
class Loss:
    """A world in which one incarnation died with its disk. ``known`` are its positions that anybody can know of."""

    world: list[Position]
    stream: Stream
    evidence: Evidence
    nowhere: set[int]
    by_kafka: set[int]
    known: list[Position]

    @property
    def lost(self) -> set[int]:
        return {one.seq for one in self.known} & self.nowhere


@st.composite
def losses(draw: st.DrawFn) -> Loss:
    """Each of its positions was at all stages, or on Kafka's way only, or nowhere; its last ledger is any old."""
    world = draw(worlds())
    stream = draw(st.sampled_from(sorted({one.run.stream for one in world})))
    own = [one for one in world if one.run.stream == stream]
    fates = draw(st.lists(st.sampled_from(["all", "kafka", "none"]), min_size=len(own), max_size=len(own)))
    fate = {one.seq: fate for one, fate in zip(own, fates, strict=True)}
    evidence = evidence_of(world)
    for one in own:
        for stage in {"all": (), "kafka": (Stage.RAW,), "none": (*COPIES, one.became)}[fate[one.seq]]:
            evidence = without(evidence, stage, one.run)
    stated = draw(st.none() | st.integers(0, len(own)))
    early = FIRST_HOUR * MICROSECONDS_PER_HOUR
    told = ledgers_of(own[:stated], early) or (EdgeLedger(*stream, 0, {}, early, early),)
    others = tuple(one for one in evidence.ledgers if one.incarnation != stream.incarnation)
    ledgers = others if stated is None else (*others, *told)
    seen = max((one.seq + 1 for one in own if fate[one.seq] != "none"), default=0)
    return Loss(
        world,
        stream,
        replace(evidence, ledgers=ledgers),
        {seq for seq, found in fate.items() if found == "none"},
        {seq for seq, found in fate.items() if found == "kafka"},
        own[: max(seen, stated or 0)],
    )


def positions(booked: Iterable[Booked]) -> set[int]:
    return {seq for one in booked for seq in range(one.first, one.last + 1)}


def retired(loss: Loss, found: Booking, evidence: Evidence | None = None) -> Evidence:
    def runs(booked: Iterable[Booked]) -> tuple[Run, ...]:
        return tuple(Run(*loss.stream, one.first, one.last, one.hour) for one in booked)

    return replace(
        evidence or loss.evidence,
        lost=runs(found.lost),
        raw_gaps=runs(found.raw_gaps),
        retired={loss.stream: found.accepted},
    )


@given(losses())
def test_what_no_stage_has_seen_is_booked_and_nothing_else(loss: Loss) -> None:
    found = booking(loss.evidence, loss.stream)
    assert found.accepted == len(loss.known)
    assert positions(found.lost) == loss.lost
    assert positions(found.raw_gaps) == loss.by_kafka
    assert found.only_raw == []
    assert count(found.lost) == len(loss.lost), "no position is booked in two hours"
    assert sum(row["lost"] for row in found.hours()) == len(loss.lost)


@given(losses(), st.booleans())
def test_once_it_is_retired_the_ledger_balances_and_nobody_is_waited_for(loss: Loss, everything: bool) -> None:
    found = booking(loss.evidence, loss.stream)
    evidence = retired(loss, found)
    assert watermark(evidence).held_back_by == ()
    verdict = judge(evidence, everything=everything)
    assert verdict.balanced, verdict.missing
    totals = verdict.totals
    gone = len(loss.world) - len([one for one in loss.world if one.run.stream == loss.stream]) + len(loss.known)
    assert (totals["accepted"], totals["lost"], totals["raw_gaps"]) == (gone, len(loss.lost), len(loss.by_kafka))
    assert totals["kafka"] == totals["bronze"] == totals["accepted"] - totals["lost"]
    assert totals["raw"] == totals["kafka"] - totals["raw_gaps"]
    assert sum(totals[stage] for stage in COUNTED) == totals["kafka"]
    assert totals["in_flight"] == 0


@given(losses())
def test_before_that_it_is_waited_for(loss: Loss) -> None:
    owes = bool(loss.lost | loss.by_kafka)
    has_word = any(Stream(one.edge, one.incarnation) == loss.stream for one in loss.evidence.ledgers)
    held_back_by = watermark(loss.evidence).held_back_by
    assert set(held_back_by) <= {"/".join(loss.stream)}
    assert held_back_by or not owes
    assert held_back_by or has_word or not loss.known


@given(losses(), st.data())
def test_what_arrives_after_all_is_not_lost(loss: Loss, data: st.DataObject) -> None:
    """Its folder turned up: part of it came by Kafka, some of that is in raw files, too."""
    found = booking(loss.evidence, loss.stream)
    back = [one for one in loss.known if one.seq in loss.lost and data.draw(st.booleans())]
    shipped = [one for one in back if data.draw(st.booleans())]
    stages = {stage: list(loss.evidence.runs(stage)) for stage in Stage}
    for one in back:
        for stage in (Stage.KAFKA, Stage.BRONZE, one.became):
            stages[stage].append(one.run)
    stages[Stage.RAW] += [one.run for one in shipped]
    verdict = judge(
        retired(loss, found, replace(loss.evidence, stages={name: tuple(runs) for name, runs in stages.items()}))
    )
    assert verdict.balanced, verdict.missing
    assert verdict.totals["lost"] == len(loss.lost) - len(back)
    assert verdict.totals["raw_gaps"] == len(loss.by_kafka) + len(back) - len(shipped)


@given(losses())
def test_retired_twice_books_nothing_twice(loss: Loss) -> None:
    again = booking(retired(loss, booking(loss.evidence, loss.stream)), loss.stream)
    assert (again.lost, again.raw_gaps) == ([], [])
    assert again.accepted == len(loss.known)


@given(losses())
def test_a_proof_keeps_what_is_lost_lost(loss: Loss) -> None:
    evidence = retired(loss, booking(loss.evidence, loss.stream))
    proof = proof_of(SHOWN, evidence, judge(evidence))
    assert proof is not None
    verdict = judge(upheld(evidence, proof))
    assert verdict.balanced
    assert verdict.totals["lost"] == len(loss.lost)
    assert verdict.totals["accepted"] == judge(evidence).totals["accepted"]


@given(losses(), st.data())
def test_one_that_lives_on_owes_what_comes_after(loss: Loss, data: st.DataObject) -> None:
    found = booking(loss.evidence, loss.stream)
    early = FIRST_HOUR * MICROSECONDS_PER_HOUR
    hours = {"2025-11-24T16": found.accepted + 1}
    alive = EdgeLedger(*loss.stream, found.accepted + 1, hours, early, early)
    others = tuple(one for one in loss.evidence.ledgers if one.incarnation != loss.stream.incarnation)
    mark = watermark(retired(loss, found, replace(loss.evidence, ledgers=(*others, alive))))
    assert mark.held_back_by == ("/".join(loss.stream),)


def test_what_only_raw_files_hold_is_not_lost_and_is_said() -> None:
    stream = Stream("edge-1", "0" * 16)
    run = Run("edge-1", f"{stream.incarnation}-0", 0, 4, FIRST_HOUR)
    evidence = Evidence(ledgers=(EdgeLedger(*stream, 7, {"2025-11-24T16": 7}, 0, 0),), stages={Stage.RAW: (run,)})
    found = booking(evidence, stream)
    assert (positions(found.only_raw), positions(found.lost), found.raw_gaps) == ({0, 1, 2, 3, 4}, {5, 6}, [])
