"""What must hold before a candidate is shown: each gate opens and refuses for its own reason, and no promote passes one
by."""

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lakehouse.cli.release import details
from lakehouse.clients import kafka_scan
from lakehouse.clients.files import LocalFiles
from lakehouse.clients.trino import Column, Result, Trino
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.tables import GOLD_KEYS, GOLD_MEASURES, GOLD_TABLES, MERCHANT_SALES
from lakehouse.errors import RefusedError
from lakehouse.ledger.judge import judge
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import BronzeCursor, GoldVersion, Snapshot
from lakehouse.releases.versions import Versions
from lakehouse.settings import Settings
from lakehouse.transform.building.builder import Builder
from lakehouse.transform.diff import gold_sql
from lakehouse.transform.ops_api import responses
from lakehouse.transform.publishing.gates import (
    Prospect,
    caught_up,
    differs_within_limits,
    is_whole,
    ledger_is_balanced,
)
from lakehouse.transform.publishing.promote import Promote, PromoteRequest
from tests.support.ledger_worlds import with_a_dead_edge
from tests.support.logged_warehouse import CANDIDATE, LAYOUT, LoggedWarehouse
from tests.support.prospects import prospect

WHOLE = {name: {*GOLD_KEYS[name], *GOLD_MEASURES[name], "slot_month", "snapshot"} for name in GOLD_TABLES}
LIMIT = "LAKEHOUSE_RELEASES__MAX_CHANGE"


@dataclass
class Tables:
    """Gold tables with their columns, and what was sold (gross) by each schema's at a Delta version."""

    columns: dict[str, set[str]] = field(default_factory=lambda: WHOLE)
    sold: dict[tuple[str, int], int] = field(default_factory=dict)

    def query(self, sql: str) -> list[dict[str, Any]]:
        if sql.startswith("SHOW COLUMNS FROM lake.gold_v2."):
            return [{"Column": name} for name in self.columns[sql.rpartition(".")[2]]]
        if sql.startswith("SELECT grouping(month)"):
            month = {"level": 0, "month": date(2026, 11, 1), "n": 1}
            return [month, {"level": 1, "month": None, "n": 1, "merchants": 1}]
        if sql.startswith("SELECT grouping(merchant, hour)"):
            sides = re.findall(r"lake\.(gold_v\d)\.\w+ FOR VERSION AS OF (\d+)", sql)
            return [self._compared(*((schema, int(version)) for schema, version in sides))]
        return []  # bronze and silver hold nothing

    def execute(self, sql: str) -> Result:
        """Columns of gold: what silver holds is no matter of a metric's total."""
        [name] = re.findall(r"SELECT \* FROM lake\.gold_v\d\.(\w+) .* WHERE false", sql)
        return Result(tuple(Column(column, "bigint") for column in sorted(self.columns[name])), [], "q")

    def _compared(self, before: tuple[str, int], after: tuple[str, int]) -> dict[str, Any]:
        verdicts = {f"rows_{verdict}": 0 for verdict in ("added", "removed", "changed", "unchanged")}
        sums = {"b_gross_sales": self.sold[before], "a_gross_sales": self.sold[after]}
        return {"level": gold_sql.BY_CURRENCY, "merchant": None, "hour": None, "currency": "BRL"} | verdicts | sums


class Kafka:
    """A topic without records."""

    def __init__(self, **_: object) -> None:
        pass

    def partitions_for_topic(self, _: str) -> None:
        return None

    def beginning_offsets(self, _: object) -> dict[object, int]:
        return {}

    end_offsets = beginning_offsets

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    """What Trino holds, for builders and for who only reads."""
    made = Tables()

    def of(_: Settings, *, user: str | None = None, read_only: bool = False) -> Tables:
        assert read_only == (user is None)
        return made

    monkeypatch.setattr(Trino, "of", of)
    return made


@pytest.fixture
def warehouse(tmp_path: Path) -> LoggedWarehouse:
    """Version 1 is live, version 2 a candidate at the same commits."""
    made = LoggedWarehouse(tmp_path / "hdfs")
    live, candidate = made.version(), made.version(CANDIDATE)
    made.cycle(live)
    made.snapshot(candidate)
    return made


@pytest.fixture
def builder(warehouse: LoggedWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    """Of a stack that has a limit, and whose insights API is away."""
    monkeypatch.setenv(LIMIT, "0.05")
    return Builder(Settings(home=tmp_path / "home", port_base=1024, warehouse=LAYOUT.root), warehouse.files)


def whole(tables: Tables, columns: dict[str, set[str]], accept: bool = False) -> str:
    tables.columns = columns
    return is_whole(Settings())(prospect(*columns), accept)


def test_what_has_all_that_readers_know_is_whole(tables: Tables) -> None:
    assert whole(tables, WHOLE).startswith("whole")


def test_a_missing_measure_is_named_and_shown_as_zero_once_accepted(tables: Tables) -> None:
    columns = {**WHOLE, "merchant_sales": WHOLE["merchant_sales"] - {"tax"}}
    with pytest.raises(RefusedError, match=r"version 2 lacks merchant_sales.tax, .*--accept"):
        whole(tables, columns)
    assert whole(tables, columns, accept=True) == "lacking, accepted and shown as zero: merchant_sales.tax"


def test_a_missing_table_is_accepted_from_nobody(tables: Tables) -> None:
    with pytest.raises(RefusedError, match="lacks merchant_traffic, without which"):
        whole(tables, {"merchant_sales": WHOLE["merchant_sales"]}, accept=True)


@pytest.mark.parametrize("key", ["slot", "currency", "slot_month", "snapshot"])
def test_a_missing_key_is_accepted_from_nobody(tables: Tables, key: str) -> None:
    columns = {**WHOLE, "merchant_sales": WHOLE["merchant_sales"] - {key}}
    with pytest.raises(RefusedError, match=f"lacks merchant_sales.{key}, without which"):
        whole(tables, columns, accept=True)


def test_what_has_not_consumed_what_readers_see_is_accepted_from_nobody() -> None:
    assert caught_up(prospect(consumed=1), accept=False) == "caught up: generation 1, bronze commit 1"
    with pytest.raises(RefusedError, match="has not consumed what release 7 shows"):
        caught_up(prospect(consumed=0), accept=True)


def test_what_is_accepted_without_proof_has_a_reason_and_stands_in_the_release(
    builder: Builder, warehouse: LoggedWarehouse
) -> None:
    promote = Promote(builder, (ledger_is_balanced(lambda _: judge(with_a_dead_edge())),), ())

    def request(reason: str | None, *names: str) -> PromoteRequest:
        return PromoteRequest(GoldVersionNumber(2), "olga", reason, accept_unproved=names)

    with pytest.raises(RefusedError, match="for a reason: give one"):
        promote.run(request(None, "edge-2"))
    with pytest.raises(RefusedError, match="is not proved"):
        promote.run(request("a fire"))
    with pytest.raises(RefusedError, match="is not proved"):
        promote.plan(request("a fire", "edge-1"))
    planned = promote.plan(request("a fire", "edge-2"))
    assert (planned.facts["accept_unproved"], planned.facts["unproved"][0]["hours"]) == (["edge-2"], 2)
    assert len(warehouse.log.refresh()) == 1, "what is refused or planned has changed nothing"
    published = promote.run(request("a fire", "edge-2"))
    assert [(one.edge, one.reason, one.hours) for one in published.release.unproved] == [("edge-2", "no_ledger", 2)]
    [shown] = details(published)["unproved"]
    assert (shown["first"], shown["last"]) == ("2025-11-24T18:00:00Z", "2025-11-24T19:00:00Z")
    assert responses.release(published)["unproved"] == [shown]


def compared(tables: Tables, before: int, after: int, accept: bool = False) -> str:
    """By the limit that the environment sets. Both have consumed the same: no other snapshots are looked for."""
    tables.sold = {("gold_v1", 1): before, ("gold_v2", 1): after}
    no_others = Versions(LocalFiles(Path("/nowhere")), LAYOUT)
    return differs_within_limits(Settings(), no_others)(prospect(MERCHANT_SALES), accept)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (100, 105, "Gross sales (BRL) changes most, by 5 %"),
        (100, 95, "Gross sales (BRL) changes most, by 5 %"),
        (9_000_000, 9_000_001, "Gross sales (BRL) changes most, by 1.11e-05 %"),
        (100, 100, "no metric's total changes"),
    ],
)
def test_a_change_up_to_the_limit_is_let_through(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, before: int, after: int, told: str
) -> None:
    monkeypatch.setenv(LIMIT, "0.05")
    assert compared(tables, before, after) == f"differences: {told}"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(100, 106, "by 6 %"), (100, 94, "by 6 %"), (100, 1334, "by 1,234 %"), (0, 1, "from 0")],
)
def test_a_change_beyond_the_limit_is_refused_until_it_is_accepted(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, before: int, after: int, told: str
) -> None:
    monkeypatch.setenv(LIMIT, "0.05")
    sentence = f"version 2 changes Gross sales (BRL) {told}; the limit is 5 %. Look at `lakehouse diff 2`"
    with pytest.raises(RefusedError, match=re.escape(sentence) + ".*--accept"):
        compared(tables, before, after)
    said = compared(tables, before, after, accept=True)
    assert said == f"differences, accepted: Gross sales (BRL) changes {told}"


def test_nothing_is_compared_without_a_limit(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIMIT, raising=False)
    assert compared(tables, 100, 900) == f"differences: no limit is set ({LIMIT})"


def after_current(warehouse: LoggedWarehouse, version: GoldVersion, newest: Snapshot) -> Prospect:
    parent = warehouse.log.current()
    assert parent is not None
    beside = warehouse.versions.latest_snapshot(parent.release.gold_version)
    assert beside is not None
    return Prospect(version, newest, parent, beside)


def test_what_the_live_version_has_not_consumed_yet_is_no_difference(
    warehouse: LoggedWarehouse, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rollback to a version that is behind: compared is the newest point that both have."""
    monkeypatch.setenv(LIMIT, "0.05")
    candidate = warehouse.versions.get(GoldVersionNumber(2))
    ahead = warehouse.snapshot(candidate)
    tables.sold = {("gold_v1", 1): 100, ("gold_v2", 1): 103, ("gold_v2", 2): 900}
    said = differs_within_limits(Settings(), warehouse.versions)(after_current(warehouse, candidate, ahead), False)
    assert said == "differences: Gross sales (BRL) changes most, by 3 %"


def test_without_a_common_point_they_are_compared_as_they_stand(
    warehouse: LoggedWarehouse, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is rather refused than let through unseen."""
    monkeypatch.setenv(LIMIT, "0.05")
    late = warehouse.version(CANDIDATE)
    ahead = warehouse.snapshot(late, bronze=BronzeCursor(FIRST_GENERATION, 9))
    tables.sold = {("gold_v1", 1): 100, ("gold_v3", 1): 110}
    with pytest.raises(RefusedError, match=r"version 3 changes Gross sales \(BRL\) by 10 %"):
        differs_within_limits(Settings(), warehouse.versions)(after_current(warehouse, late, ahead), False)


def test_what_is_accepted_has_a_reason_which_is_recorded(
    builder: Builder, warehouse: LoggedWarehouse, tables: Tables
) -> None:
    tables.sold = {("gold_v1", 1): 100, ("gold_v2", 1): 110}
    promote = Promote(builder, (), (differs_within_limits(builder.settings, builder.versions),))
    with pytest.raises(RefusedError, match="by 10 %"):
        promote.run(PromoteRequest(GoldVersionNumber(2), "olga", "tax"))
    with pytest.raises(RefusedError, match="accepted for a reason: give one"):
        promote.run(PromoteRequest(GoldVersionNumber(2), "olga", accept=True))
    assert len(warehouse.log.refresh()) == 1, "what is refused has changed nothing"
    published = promote.run(PromoteRequest(GoldVersionNumber(2), "olga", "tax", accept=True))
    assert (published.number, published.release.gold_version, published.release.reason) == (2, 2, "tax")
    assert warehouse.log.current() == published


def test_every_promote_passes_all_gates_in_their_order(
    builder: Builder, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow ones come before the live version stands still."""
    monkeypatch.setattr(kafka_scan, "KafkaConsumer", Kafka)
    tables.sold = {("gold_v1", 1): 100, ("gold_v2", 1): 110}
    said: list[str] = []
    Promote.of(builder).run(PromoteRequest(GoldVersionNumber(2), "olga", "tax", accept=True), said.append)
    unprepared = "the insights API does not answer: it loads the version when it is back"
    assert said == [
        "whole: all that readers know",
        "ledger balanced: 0 events accepted",
        unprepared,
        "caught up: generation 1, bronze commit 1",
        "differences, accepted: Gross sales (BRL) changes by 10 %",
        unprepared,
    ]
