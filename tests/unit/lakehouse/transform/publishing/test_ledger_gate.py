"""The gate of the ledger: what is not balanced is shown to nobody, and what is not proved only for a named edge."""

from dataclasses import replace

import pytest

from lakehouse.errors import RefusedError
from lakehouse.ledger.judge import Verdict, judge
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Evidence, Stage
from lakehouse.releases.model import AcceptedUnproved, Release
from lakehouse.transform.publishing.accepted_edges import AcceptedEdges
from lakehouse.transform.publishing.gates import ledger_is_balanced
from tests.support.ledger_worlds import ACCEPTED, FIRST_HOUR, evidence_of, with_a_dead_edge, with_more, without
from tests.support.prospects import prospect


def proved(evidence: Evidence, accept: bool = False) -> str:
    """By the ledger of what readers would be shown."""

    def judged(shown: Release) -> Verdict:
        assert (shown.release, shown.gold_version, shown.snapshot) == (8, 2, 2)
        return judge(evidence)

    return ledger_is_balanced(judged)(prospect(consumed=2), accept)


def test_a_ledger_is_balanced_that_counts_each_event_once() -> None:
    assert proved(evidence_of(ACCEPTED)) == "ledger balanced: 3 events accepted"


@pytest.mark.parametrize("accept", [False, True])
def test_an_event_that_is_missing_or_counts_twice_is_accepted_from_nobody(accept: bool) -> None:
    everything, one = evidence_of(ACCEPTED), ACCEPTED[1].run
    with pytest.raises(
        RefusedError, match=r"version 2 is not balanced: 1 runs of positions are missing, 0 are counted"
    ):
        proved(without(everything, Stage.SILVER, one), accept)
    with pytest.raises(RefusedError, match="0 runs of positions are missing, 1 are counted twice"):
        proved(with_more(everything, Stage.DUPLICATES, one), accept)


def accepting(evidence: Evidence, *names: str) -> tuple[str, AcceptedEdges]:
    given = replace(prospect(consumed=2), accepted=AcceptedEdges(names))
    return ledger_is_balanced(lambda _: judge(evidence))(given, False), given.accepted


@pytest.mark.parametrize("accept", [False, True])
def test_what_cannot_be_judged_is_refused_with_the_edge_its_hours_and_what_to_do(accept: bool) -> None:
    with pytest.raises(RefusedError) as refused:
        proved(with_a_dead_edge(), accept)
    message, edge = str(refused.value), f"edge-2/{8:016x}"
    assert "the ledger of gold version 2 is not proved" in message
    assert f"{edge}, 2 hours from 2025-11-24T18:00:00Z to 2025-11-24T19:00:00Z: it has never said" in message
    assert f"`lakehouse edge retire {8:016x} --lost --reason ...`" in message
    assert f"--accept-unproved {edge} --reason" in message


@pytest.mark.parametrize("name", ["edge-2", f"{8:016x}", f"edge-2/{8:016x}"])
def test_only_a_named_edge_is_let_through_without_proof(name: str) -> None:
    said, accepted = accepting(with_a_dead_edge(), name)
    assert said.startswith("ledger balanced: 4 events accepted; accepted without proof: unproved: edge-2/")
    begins = [(FIRST_HOUR + hour) * MICROSECONDS_PER_HOUR for hour in (2, 3)]
    assert accepted.found == [AcceptedUnproved("edge-2", f"{8:016x}", "no_ledger", begins[0], begins[1], hours=2)]
    with pytest.raises(RefusedError, match="is not proved"):
        accepting(with_a_dead_edge(), "edge-1", "edge-3")


def test_a_named_edge_lets_nothing_through_that_is_missing() -> None:
    broken = without(with_a_dead_edge(), Stage.SILVER, ACCEPTED[0].run)
    with pytest.raises(RefusedError, match="is not balanced: 1 runs"):
        accepting(broken, "edge-2")
