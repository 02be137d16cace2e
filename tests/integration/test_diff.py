"""The difference between two gold versions on the real Trino, against what Python counts from the same rows.

Three versions are built from the same bronze commits: one counts refunds twice (readers see it), one is right, one has
the first one's definition and another history of builds. Two more are made by hand, with random histories of values.
"""

import json
import random
import shutil
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.contracts import tables
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.log import ReleaseLog
from lakehouse.transform import definition
from lakehouse.transform.diff.common_point import common_point
from lakehouse.transform.diff.model import Difference, Limits, MetricChange
from lakehouse.transform.diff.run import difference
from lakehouse.transform.diff.share import largest_change
from lakehouse.transform.publishing.publish import publish_snapshot
from tests.integration.built_by_hand import Warehouse, hand_make, random_history
from tests.integration.naive_difference import moves, newest, paired
from tests.support import naive_models
from tests.support.bronze_rows import START, Row, chunks, random_rows, write
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack

ROWS = random_rows(seed=20261124, count=400)
COMMITS = 3
REFUND = "{{ money('amount_minor') }} - {{ money('shipping_minor') }}"
TWICE = "if(type = 'refund.issued', 2, 1) * " + REFUND
WRONG, RIGHT, SAME = 1, 2, 3
TINY = Limits(top=1000, rows_per_query=40, merchants_at_once=2)
"""Cuts a comparison into many queries."""


@pytest.fixture(scope="module")
def warehouse(lake: EmbeddedStack) -> Warehouse:
    layout = Layout(lake.settings.warehouse)
    write(
        f"{lake.settings.hdfs_url}{layout.bronze(FIRST_GENERATION)}",
        list(chunks(ROWS, COMMITS)),
        START + timedelta(days=81),
    )
    write(f"{lake.settings.hdfs_url}{layout.quarantine(FIRST_GENERATION)}", [[]], START)
    return Warehouse(lake)


@pytest.fixture(scope="module")
def built(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Readers see the wrong version with all rows; the right one lags a commit behind."""
    wrong = tmp_path_factory.mktemp("wrong") / "dbt_project"
    shutil.copytree(definition.PROJECT, wrong, ignore=shutil.ignore_patterns("target", "logs"))
    macro = wrong / "macros" / "sales_facts_of.sql"
    assert REFUND in macro.read_text()
    macro.write_text(macro.read_text().replace(REFUND, TWICE))
    assert warehouse.create(wrong) == WRONG
    warehouse.build(WRONG, -1, COMMITS - 2)
    shown = warehouse.build(WRONG, COMMITS - 2, COMMITS - 1)
    log = ReleaseLog(warehouse.files, warehouse.layout)
    assert publish_snapshot(log, warehouse.versions.get(GoldVersionNumber(WRONG)), shown) is not None
    assert warehouse.create(definition.PROJECT) == RIGHT
    warehouse.build(RIGHT, -1, COMMITS - 2)
    assert warehouse.create(wrong) == SAME
    warehouse.build(SAME, -1, COMMITS - 1)
    return warehouse


def seen_rows() -> list[Row]:
    """What the right version has consumed."""
    return [row for rows in list(chunks(ROWS, COMMITS))[: COMMITS - 1] for row in rows]


@pytest.fixture(scope="module")
def expected() -> dict[Any, dict[str, tuple[int, int]]]:
    """Measures by gold key, as (wrong, right)."""
    right, counted_once = naive_models.sales(seen_rows()), naive_models.measures

    def counted_twice(kind: str, body: dict[str, Any]) -> dict[str, int]:
        found = counted_once(kind, body)
        if kind == "refund.issued":
            found |= {"returns": 2 * body["amount_minor"] - body.get("shipping_minor", 0) - body.get("tax_minor", 0)}
        return found

    with pytest.MonkeyPatch.context() as planted:
        planted.setattr(naive_models, "measures", counted_twice)
        wrong = naive_models.sales(seen_rows())
    assert wrong != right
    return paired(wrong, right)


def compare(warehouse: Warehouse, left: int, right: int, limits: Limits | None = None) -> Difference:
    newest = [warehouse.versions.latest_snapshot(GoldVersionNumber(version)) for version in (left, right)]
    assert newest[0] is not None
    assert newest[1] is not None
    return difference(warehouse.reader, *common_point(warehouse.versions, newest[0], newest[1]), limits)


def figures(changes: tuple[MetricChange, ...], currency: str | None) -> dict[str, tuple[Any, Any]]:
    return {c.metric: (c.change, c.moved) for c in changes if c.currency == currency and c.definition.additive}


def check_sales(found: Difference, keys: dict[Any, dict[str, tuple[int, int]]]) -> None:
    """Everything that the difference says about sales, against the values of every key."""
    differing = {key: measures for key, measures in keys.items() if any(b != a for b, a in measures.values())}
    by_merchant: dict[Any, dict[Any, Any]] = defaultdict(dict)
    by_hour: dict[Any, dict[Any, Any]] = defaultdict(dict)
    for (merchant, slot, currency), measures in differing.items():
        by_merchant[(merchant, currency)][slot] = measures
        by_hour[(slot.replace(minute=0), currency)][(merchant, slot)] = measures
    for currency in {key[2] for key in keys}:
        total = moves({key: measures for key, measures in keys.items() if key[2] == currency})
        shown = figures(found.metrics, currency or None)
        assert {name: moved for name, moved in shown.items() if moved != (0, 0)} == total
        for metric in (m for m in found.metrics if m.currency == (currency or None) and m.metric == "returns"):
            returned = [measures["returns"] for key, measures in keys.items() if key[2] == currency]
            assert (metric.before, metric.after) == tuple(map(sum, zip(*returned, strict=True)))
    merchants = {one.merchant_id: one for one in found.merchants}
    assert merchants.keys() == {merchant for merchant, _ in by_merchant}
    assert len(merchants) == found.merchants_affected
    for (merchant, currency), slots in by_merchant.items():
        assert figures(merchants[merchant].changes, currency or None) == moves(slots)
        returned = [measures["returns"] for measures in slots.values()]
        told = {(c.metric, c.currency): (c.before, c.after) for c in merchants[merchant].changes}
        assert told[("returns", currency or None)] == tuple(map(sum, zip(*returned, strict=True)))
    hours = {one.hour: one for one in found.hours}
    assert hours.keys() == {hour for hour, _ in by_hour}
    for (hour, currency), slots in by_hour.items():
        assert figures(hours[hour].changes, currency or None) == moves(slots)
    rows = next(table.rows for table in found.tables if table.name == "gold.merchant_sales")
    zero = {key: [not any(side) for side in zip(*measures.values(), strict=True)] for key, measures in keys.items()}
    assert rows.added == sum(before and not after for before, after in zero.values())
    assert rows.removed == sum(after and not before for before, after in zero.values())
    assert rows.changed == sum(key in differing for key, (before, after) in zero.items() if not before and not after)
    assert rows.changed + rows.unchanged == sum(not before and not after for before, after in zero.values())


@pytest.mark.parametrize("limits", [Limits(top=1000), TINY], ids=["at once", "in many queries"])
def test_a_planted_mistake_shows_in_money_by_merchant(
    built: Warehouse, expected: dict[Any, dict[str, tuple[int, int]]], limits: Limits
) -> None:
    found = compare(built, WRONG, RIGHT, limits)
    assert (found.before.snapshot, found.after.snapshot) == (1, 1), "the newest point that both have seen"
    assert found.before.bronze == found.after.bronze
    check_sales(found, expected)
    # The rate differs too, by less than the 6 decimals that it is given to: these orders are enormous.
    assert {m.metric for m in found.metrics if m.differs} == {"returns", "net_sales", "total_sales"}
    assert not found.equal
    gate = compare(built, WRONG, RIGHT, Limits(top=1, only_metrics=True))
    assert gate.metrics == found.metrics
    assert {table.name for table in gate.tables} == {"gold.merchant_sales", "gold.merchant_traffic"}


def test_silver_differs_where_a_refund_does(built: Warehouse) -> None:
    refunds = [row for row in naive_models.winners(seen_rows()) if row.type == "refund.issued"]
    refunds = list(filter(naive_models.is_readable, refunds))
    for limits in (None, TINY):
        found = {table.name: table for table in compare(built, WRONG, RIGHT, limits).tables}
        facts = found["silver.sales_facts"]
        assert (facts.rows.added, facts.rows.removed, facts.rows.changed) == (0, 0, len(refunds))
        sales = [row for row in naive_models.winners(seen_rows()) if row.type in naive_models.SALES]
        assert facts.rows.unchanged == len(sales) - len(refunds)
        assert facts.sample
        for row in facts.sample:
            assert row.before is not None
            assert row.after is not None
            assert {n for n, value in row.before.items() if value != row.after[n]} == {"returns"}
        for name in ("silver.events", "silver.duplicates", "gold.merchant_traffic"):
            assert found[name].equal, name


def test_another_history_of_builds_is_no_difference(built: Warehouse) -> None:
    for limits in (None, TINY):
        found = compare(built, WRONG, SAME, limits)
        assert found.after.bronze.delta_version == COMMITS - 1
        assert found.equal, [table for table in found.tables if not table.equal]
        assert found.metrics
        assert (found.merchants_affected, found.hours_affected, largest_change(found)) == (0, 0, None)


def test_the_command(built: Warehouse, expected: dict[Any, dict[str, tuple[int, int]]], tmp_path: Path) -> None:
    done = built.stack.run("diff", str(RIGHT), "--format", "json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    told = {
        (m["merchant_id"], c["currency"]): c["change"]
        for m in answer["merchants"]
        for c in m["changes"]
        if c["metric"] == "returns"
    }
    wanted: dict[tuple[str, str | None], int] = defaultdict(int)
    for (merchant, _, currency), measures in expected.items():
        wanted[(merchant, currency or None)] += measures["returns"][1] - measures["returns"][0]
    assert told == {key: change for key, change in wanted.items() if change}
    assert all(isinstance(metric["change"], int | float) for metric in answer["metrics"])
    assert answer["before"]["bronze"] == answer["after"]["bronze"]
    text = built.stack.run("diff", str(RIGHT), "--against", "1")
    assert text.returncode == 0, text.stderr
    assert text.stdout.startswith("Different: ")
    equal = built.stack.run("diff", str(SAME))
    assert equal.returncode == 0, equal.stderr
    assert equal.stdout.startswith("Equal: ")
    page = tmp_path / "diff.html"
    assert built.stack.run("diff", str(RIGHT), "--format", "html", "--output", str(page)).returncode == 0
    assert "<svg" in page.read_text()
    for wrong in (["99"], [str(RIGHT), "--against", "99"]):
        refused = built.stack.run("diff", *wrong)
        assert (refused.returncode, refused.stdout) == (1, ""), refused.stderr


def test_random_histories_and_other_columns(warehouse: Warehouse) -> None:
    chance = random.Random(4)
    names = [*tables.GOLD_MEASURES[tables.MERCHANT_SALES]]
    left = random_history(chance, names)
    right = chance.sample(left, len(left) * 2 // 3) + random_history(chance, names)[::3]
    right = list({(r["merchant_id"], r["slot"], r["currency"], r["snapshot"]): r for r in right}.values())
    for row in left + right:
        row["tax"] = min(row["tax"], 7)
    for row in right:
        row["units"] = 0
    sides = hand_make(warehouse, 8, left), hand_make(warehouse, 9, right)
    for limits in (Limits(top=1000), TINY):
        found = difference(warehouse.reader, *sides, limits)
        by_name = {table.name: table for table in found.tables}
        columns = {c.name: (c.before, c.after) for c in by_name["gold.merchant_sales"].columns}
        assert columns == {
            "tax": ("decimal(38, 0)", "bigint"),
            "units": ("bigint", None),
            "note": (None, "varchar"),
        }
        assert by_name["silver.extra"].only == "before"
        assert by_name["silver.extra"].rows.removed == 1
        check_totals(found, paired(newest(left, 4), newest(right, 4)))


def check_totals(found: Difference, keys: dict[Any, dict[str, tuple[int, int]]]) -> None:
    """Money by currency and merchant, where the sides have not the same columns."""
    for currency in {key[2] for key in keys}:
        total = moves({key: measures for key, measures in keys.items() if key[2] == currency})
        assert {n: m for n, m in figures(found.metrics, currency).items() if m != (0, 0)} == total
    merchants = {one.merchant_id: one for one in found.merchants}
    for merchant, currency in {(key[0], key[2]) for key in keys}:
        wanted = moves({key: m for key, m in keys.items() if (key[0], key[2]) == (merchant, currency)})
        told = merchants.get(merchant)
        assert figures(told.changes if told else (), currency) == wanted
