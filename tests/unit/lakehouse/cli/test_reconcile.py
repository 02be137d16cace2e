"""The proof as contract 3 wants it, and for whom ``--wait`` waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given

from lakehouse.cli.reconcile import unheard
from lakehouse.contracts.records import EdgeLedger
from lakehouse.ledger.judge import judge
from lakehouse.ledger.model import Evidence, Stage, Stream
from lakehouse.ledger.report import as_document, as_text
from tests.support.ledger_worlds import Position, evidence_of, without, worlds

COLUMNS = {
    *("accepted", "kafka", "raw", "bronze", "silver", "duplicates", "quarantined", "lost"),
    *("redelivered", "rejected", "late", "in_flight", "unreadable_by_model", "raw_gaps"),
}
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@given(worlds())
def test_the_document_has_the_fields_of_the_contract(world: list[Position]) -> None:
    document = as_document(judge(evidence_of(world)))
    assert {"balanced", "totals", "hours", "missing"} <= document.keys()
    assert set(document["totals"]) == COLUMNS
    assert all(set(hour) >= COLUMNS | {"hour"} for hour in document["hours"])
    for column in COLUMNS:
        assert document["totals"][column] == sum(hour[column] for hour in document["hours"])


@given(worlds())
def test_what_is_missing_is_named_in_both_forms(world: list[Position]) -> None:
    gone = world[0]
    verdict = judge(without(evidence_of(world), Stage.RAW, gone.run))
    (named,) = as_document(verdict)["missing"]
    assert (named["edge"], named["segment"], named["first"], named["last"], named["station"]) == (
        *(gone.edge, gone.segment, gone.seq, gone.seq),
        "raw",
    )
    text = as_text(verdict)
    assert f"missing at raw: {gone.edge}/{gone.segment}/{gone.seq}-{gone.seq}" in text
    assert "NOT balanced" in text


@given(worlds())
def test_a_raw_gap_is_balanced_and_shown(world: list[Position]) -> None:
    gone = world[0]
    evidence = without(evidence_of(world), Stage.RAW, gone.run)
    verdict = judge(replace(evidence, raw_gaps=(gone.run,)))
    assert verdict.balanced
    assert as_document(verdict)["totals"]["raw_gaps"] == 1
    assert "1 events are counted and in no raw file" in as_text(verdict)
    assert "in no raw file" not in as_text(judge(evidence_of(world)))


def test_live_edges_are_waited_for_until_they_have_spoken() -> None:
    def ledger(incarnation: str, at: datetime, closed: bool = False) -> EdgeLedger:
        return EdgeLedger("edge-1", incarnation, 0, {}, 0, int(at.timestamp() * 1_000_000), closed)

    ledgers = [
        ledger("spoke", NOW + timedelta(seconds=1)),
        ledger("live", NOW - timedelta(seconds=5)),
        ledger("closed", NOW - timedelta(seconds=5), closed=True),
        ledger("silent", NOW - timedelta(minutes=11)),
        ledger("retired", NOW - timedelta(seconds=5)),
    ]
    evidence = Evidence(ledgers=tuple(ledgers), retired={Stream("edge-1", "retired"): 0})
    assert unheard(evidence, NOW, NOW - timedelta(minutes=10)) == ["edge-1/live"]
    assert unheard(evidence, NOW, NOW - timedelta(seconds=4)) == [], "one that dies while somebody waits is silent, too"
