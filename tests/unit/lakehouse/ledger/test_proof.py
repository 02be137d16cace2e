"""What is proved once is not read again, and what comes after it is judged as if everything had been read."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.clients.files import LocalFiles
from lakehouse.errors import RefusedError
from lakehouse.ledger.judge import judge
from lakehouse.ledger.model import Evidence, Stage
from lakehouse.ledger.proof import SILVER, Proof, proof_of, upheld
from lakehouse.ledger.prove import Prover
from lakehouse.releases.model import TableState
from lakehouse.settings import Settings
from tests.support.ledger_worlds import COPIES, FIRST_HOUR, Position, evidence_of, with_more, without, worlds
from tests.support.release_documents import release, snapshot

SHOWN = release(1, snapshot(1, 1, {name: TableState("silver_v1", f"/w/{name}", 3) for name in SILVER}))


def proved(world: list[Position], hours: int) -> Proof:
    evidence = evidence_of(world, hours)
    proof = proof_of(SHOWN, evidence, judge(evidence))
    assert proof is not None
    return msgspec.json.decode(msgspec.json.encode(proof), type=Proof)


def read_since(evidence: Evidence, hour: int) -> Evidence:
    """What a reader brings that begins at an hour."""
    runs = {stage: tuple(r for r in found if r.hour >= hour) for stage, found in evidence.stages.items()}
    return replace(evidence, stages=runs)


@given(worlds(), st.integers(0, 4))
def test_the_verdict_is_that_of_all_of_history(world: list[Position], hours: int) -> None:
    proof, everything = proved(world, hours), evidence_of(world)
    assert proof.through == FIRST_HOUR + hours
    verdict = judge(upheld(read_since(everything, proof.through), proof))
    assert verdict.balanced
    assert verdict.totals["accepted"] == len(world)
    assert proof_of(SHOWN, upheld(everything, proof), verdict) == proof_of(SHOWN, everything, judge(everything))


@given(worlds(), st.integers(0, 3), st.sampled_from(COPIES), st.data())
def test_what_is_dropped_after_it_is_named(
    world: list[Position], hours: int, stage: Stage, data: st.DataObject
) -> None:
    proof = proved(world, hours)
    later = [position for position in world if position.hour >= proof.through]
    if not later:
        return
    gone = data.draw(st.sampled_from(later))
    broken = without(evidence_of(world), stage, gone.run)
    assert judge(upheld(read_since(broken, proof.through), proof)).missing == judge(broken).missing != []


@given(worlds(), st.integers(0, 3), st.data())
def test_what_counts_twice_after_it_is_named(world: list[Position], hours: int, data: st.DataObject) -> None:
    proof = proved(world, hours)
    later = [position for position in world if position.hour >= proof.through]
    if not later:
        return
    broken = with_more(evidence_of(world), Stage.DUPLICATES, data.draw(st.sampled_from(later)).run)
    assert judge(upheld(read_since(broken, proof.through), proof)).doubled == judge(broken).doubled != []


@given(worlds(), st.integers(0, 4))
def test_where_each_incarnation_goes_on(world: list[Position], hours: int) -> None:
    proof = proved(world, hours)
    ends: dict[object, int] = {}
    for position in world:
        if position.hour < proof.through:
            ends[position.run.stream] = position.seq + 1
    assert proof.reached == ends


def test_without_silver_there_is_no_verdict(tmp_path: Path) -> None:
    """A definition may lack a model; who promotes what it has built is told."""
    prover = Prover(Settings(port_base=1024), LocalFiles(tmp_path))
    without_duplicates = msgspec.structs.replace(SHOWN, tables={SILVER[0]: SHOWN.tables[SILVER[0]]})
    with pytest.raises(RefusedError, match=r"version 1 lacks silver\.duplicates, in which"):
        prover.verdict(without_duplicates)


def test_without_a_judged_hour_nothing_is_proved() -> None:
    evidence = Evidence()
    assert proof_of(SHOWN, evidence, judge(evidence)) is None
