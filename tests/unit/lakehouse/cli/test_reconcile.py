"""The proof as contract 3 wants it, and for whom ``--wait`` waits."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from typer.testing import CliRunner, Result

from lakehouse import instants
from lakehouse.cli import reconcile
from lakehouse.cli.reconcile import final, unheard
from lakehouse.contracts.records import EdgeLedger
from lakehouse.errors import RefusedError
from lakehouse.ledger.gather import Gathered, Gatherer
from lakehouse.ledger.judge import judge
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Evidence, Stage, Stream
from lakehouse.ledger.report import as_document, as_text
from lakehouse.ledger.window import Window
from tests.support.ledger_worlds import FIRST_HOUR, Position, evidence_of, without, worlds

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


def test_what_cannot_be_judged_is_listed_with_its_reason_and_what_to_do() -> None:
    """Contract 3: `unproved`, and `balanced` is false."""
    mark = (FIRST_HOUR + 1) * MICROSECONDS_PER_HOUR
    world = [
        Position("edge-1", f"{'a' * 16}-0", seq, FIRST_HOUR + hour, Stage.SILVER) for seq, hour in enumerate((0, 2))
    ]
    evidence = evidence_of(world)
    [ledger] = evidence.ledgers
    dead = structs.replace(ledger, next=1, hours={"2025-11-24T16": 1}, at=mark, raw_mark=mark)
    verdict = judge(replace(evidence, ledgers=(dead,)))
    document, text = as_document(verdict), as_text(verdict)
    assert document["balanced"] is False
    assert [(one["hour"], one["edge"], one["incarnation"], one["reason"]) for one in document["unproved"]] == [
        (f"2025-11-24T{hour}:00:00Z", "edge-1", "a" * 16, "silent") for hour in (17, 18, 19)
    ]
    assert document["unproved"][0]["detail"] == "its last ledger is of 2025-11-24T17:00:00Z"
    assert [(hour["judged"], hour["balanced"], hour["unproved"]) for hour in document["hours"]] == [
        (True, True, []),
        (False, False, [f"edge-1/{'a' * 16}"]),
    ]
    assert "UNPROVED" in text
    assert "NOT balanced" in text
    assert f"unproved: edge-1/{'a' * 16}, 3 hours from 2025-11-24T17:00:00Z to 2025-11-24T19:00:00Z: its last" in text
    assert f"`lakehouse edge retire {'a' * 16} --lost" in text
    assert as_document(judge(evidence_of(world)))["unproved"] == []


def test_who_waits_is_told_of_an_edge_that_died_after_its_last_word() -> None:
    world = [Position("edge-1", f"{'a' * 16}-0", 0, FIRST_HOUR, Stage.SILVER)]
    evidence = evidence_of(world, complete_hours=1)
    end = instants.from_micros((FIRST_HOUR + 1) * MICROSECONDS_PER_HOUR)
    assert final(evidence, end).balanced
    [(hour, reason)] = {(one.hour, str(one.reason)) for one in final(evidence, end + timedelta(seconds=1)).unproved}
    assert (hour, reason) == (FIRST_HOUR + 1, "silent")


def run(monkeypatch: pytest.MonkeyPatch, evidence: Evidence, *arguments: str) -> Result:
    gathered = Gathered(evidence, None, 0)
    monkeypatch.setattr(Gatherer, "gather", lambda _, window: gathered)
    return CliRunner().invoke(reconcile.app, [*arguments, "--format", "json"])


def test_the_exit_code_says_whether_it_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    world = [Position("edge-1", f"{'a' * 16}-0", 0, FIRST_HOUR, Stage.SILVER)]
    evidence = evidence_of(world)
    for proves, found in ((True, evidence), (False, replace(evidence, ledgers=()))):
        for wait in ((), ("--wait", "--timeout", "0")):
            done = run(monkeypatch, replace(found, heard_since=found.complete_through), *wait)
            document = json.loads(done.stdout)
            expected = (0, True, 0) if proves and not wait else (1, False, len(document["unproved"]))
            assert (done.exit_code, document["balanced"], len(document["unproved"])) == expected
            assert bool(document["unproved"]) == (not proves or bool(wait)), "the ledger is of long ago"


def test_only_the_hours_asked_for_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hour 18 lacks an event, and an instant within an hour means that hour."""
    world = [Position("edge-1", f"{'a' * 16}-0", seq, FIRST_HOUR + seq, Stage.SILVER) for seq in range(4)]
    evidence = without(evidence_of(world), Stage.SILVER, world[2].run)
    for bounds, hours, balanced in (
        ((), (16, 17, 18, 19), False),
        (("--until", "2025-11-24T18:00:00Z"), (16, 17), True),
        (("--until", "2025-11-24T18:00:01Z"), (16, 17, 18), False),
        (("--since", "2025-11-24T20:59:59+01:00"), (19,), True),
        (("--since", "2025-11-24", "--until", "2025-11-25"), (16, 17, 18, 19), False),
        (("--since", "2025-11-25"), (), True),
    ):
        done = run(monkeypatch, evidence, *bounds)
        document = json.loads(done.stdout)
        assert [line["hour"][11:13] for line in document["hours"]] == [str(hour) for hour in hours], bounds
        assert (document["balanced"], done.exit_code) == (balanced, 0 if balanced else 1)
        assert document["totals"]["accepted"] == len(hours)
    assert (document["since"], document["until"]) == ("2025-11-25T00:00:00Z", None)


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        (("--since", "yesterday"), "since must be a date or an instant"),
        (("--until", "2026-11-23T10:00:00"), "until needs an offset"),
        (("--since", "2026-11-23", "--until", "2026-11-23"), "until must be after since"),
        (("--since", "0001-01-01"), "since must lie in a year"),
    ],
)
def test_bounds_that_say_nothing_are_refused(
    monkeypatch: pytest.MonkeyPatch, bounds: tuple[str, ...], told: str
) -> None:
    done = run(monkeypatch, Evidence(), *bounds)
    assert isinstance(done.exception, RefusedError)
    assert told in str(done.exception)


@given(worlds(), st.integers(0, 5), st.integers(1, 5), st.data())
def test_an_hour_within_bounds_is_judged_as_it_is_without(
    world: list[Position], first: int, count: int, data: st.DataObject
) -> None:
    """Also where tables were read for its days only."""
    gone = data.draw(st.sampled_from(world))
    evidence = without(evidence_of(world), data.draw(st.sampled_from(list(Stage))), gone.run)
    window = Window(FIRST_HOUR + first, FIRST_HOUR + first + count)
    tables = (Stage.BRONZE, Stage.SILVER, Stage.DUPLICATES, Stage.QUARANTINED)
    read = {
        stage: tuple(run for run in runs if stage not in tables or window.has(run.hour))
        for stage, runs in evidence.stages.items()
    }
    whole, part = judge(evidence), window.part_of(judge(replace(evidence, stages=read)))
    assert part == window.part_of(whole)
    assert part.hours == [line for line in whole.hours if window.has(line.hour)]
    assert (gone in [p for p in world if window.has(p.hour)]) or part.balanced


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
