"""A difference as text, JSON and page: exact in money, complete in itself, and escaped."""

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import BronzeCursor
from lakehouse.transform.diff import page, text
from lakehouse.transform.diff.document import json_text
from lakehouse.transform.diff.model import (
    ColumnChange,
    DayChange,
    Difference,
    HourChange,
    MerchantChange,
    MetricChange,
    RowCounts,
    RowSample,
    Side,
    TableDifference,
)
from lakehouse.transform.diff.share import largest_change, share
from lakehouse.transform.diff.wording import amount

EVIL = "<script>alert('x')</script>\x1b[31m&\""
CURSOR = BronzeCursor(FIRST_GENERATION, 77)
BEFORE, AFTER = (
    Side(GoldVersionNumber(1), SnapshotNumber(12), CURSOR, release=ReleaseNumber(42)),
    Side(GoldVersionNumber(3), SnapshotNumber(2), CURSOR),
)
RETURNS = MetricChange("returns", "BRL", 10**21, 10**21 - 123450, 123456)
DINARS = MetricChange("net_sales", "KWD", 1000, 2500, 1500)
YEN = MetricChange("net_sales", "JPY", 5, 5, 8)
RATE = MetricChange("refund_rate", "BRL", Decimal("0.250000"), None)
FEE = ColumnChange("fee", None, "bigint")
VIEWS = MetricChange("page_views", None, 7, 7, 0)


def different() -> Difference:
    changes = (RETURNS, DINARS, YEN)
    rows = RowSample({"merchant_id": EVIL, "slot": datetime(2026, 3, 1, tzinfo=UTC)}, {"data": EVIL}, {"data": None})
    return Difference(
        BEFORE,
        AFTER,
        tables=(
            TableDifference("gold.merchant_sales", (FEE,), RowCounts(1, 2, 3, 4), (rows,)),
            TableDifference("silver.extra", (), RowCounts(added=5), only="after"),
        ),
        metrics=(RETURNS, DINARS, YEN, RATE, VIEWS),
        merchants=(MerchantChange(EVIL, 9, changes),),
        merchants_affected=31,
        hours=(HourChange(datetime(2026, 3, 1, 10, tzinfo=UTC), 9, changes),),
        hours_affected=1,
        days=(DayChange(date(2026, 3, 1), changes), DayChange(date(2026, 3, 9), changes)),
    )


def test_sides_of_two_generations_are_said_to_be_at_the_same_offsets() -> None:
    found = replace(
        different(), after=Side(GoldVersionNumber(3), SnapshotNumber(2), BronzeCursor(GenerationNumber(2), 5))
    )
    said = "at the same Kafka offsets: version 77 of bronze generation 1, version 5 of bronze generation 2"
    assert f"both {said}\n" in text.render(found)
    assert f"Both {said}.</p>" in page.render(found)
    assert "both at version 77 of bronze generation 1\n" in text.render(different())


def equal() -> Difference:
    return Difference(BEFORE, AFTER, (TableDifference("gold.merchant_sales", (), RowCounts(unchanged=4)),), (VIEWS,))


def test_the_document_keeps_the_contract() -> None:
    answer = json.loads(json_text(different()))
    assert {"tables", "metrics", "merchants"} <= answer.keys()
    by_metric = {(m["metric"], m["currency"]): m for m in answer["metrics"]}
    assert by_metric[("returns", "BRL")]["change"] == -123450
    assert by_metric[("returns", "BRL")]["before"] == 10**21, "exact beyond what a float holds"
    assert by_metric[("net_sales", "JPY")]["change"] == 0
    assert by_metric[("net_sales", "JPY")]["absolute_change"] == 8
    assert by_metric[("page_views", None)]["change"] == 0
    rate = by_metric[("refund_rate", "BRL")]
    assert (rate["before"], rate["after"], rate["change"]) == (0.25, None, -0.25)
    assert answer["tables"][0] | {"sample": [], "columns": []} == {
        "name": "gold.merchant_sales",
        "only": None,
        "rows_added": 1,
        "rows_removed": 2,
        "rows_changed": 3,
        "rows_unchanged": 4,
        "sample": [],
        "columns": [],
    }
    assert answer["merchants"][0]["merchant_id"] == EVIL
    assert answer["merchants_affected"] == 31
    assert answer["before"]["bronze"] == answer["after"]["bronze"] == {"generation": 1, "delta_version": 77}


def test_the_text_begins_with_the_verdict_in_money() -> None:
    lines = text.render(different()).splitlines()
    assert lines[0].startswith("Different: Net sales (KWD) +1.500 (+150.00 %)")
    assert "Returns (BRL) -1,234.50" in lines[0]
    assert "Net sales (JPY) 0 (8 moved, in sum nothing)" in lines[0]
    assert lines[0].endswith("Affected: 31 merchants, 1 hour.")
    body = "\n".join(lines)
    assert "(30 more)" in body
    assert "gold.merchant_sales.fee: absent -> bigint" in body
    assert "silver.extra is only after" in body


@pytest.mark.parametrize(
    ("currency", "shown"),
    [
        ("BRL", "123,456,789,012,345,678,901,234,567,890,123.45"),
        ("KWD", "12,345,678,901,234,567,890,123,456,789,012.345"),
    ],
)
def test_no_digit_of_a_large_amount_is_lost(currency: str, shown: str) -> None:
    large = int("12345678901234567890123456789012345")
    assert amount(large, MetricChange("returns", currency, large, large)) == shown


def test_no_control_character_reaches_a_terminal() -> None:
    assert "\x1b" not in text.render(different())


def test_equal_is_said_first() -> None:
    assert text.render(equal()).startswith("Equal: ")
    assert json.loads(json_text(equal()))["equal"] is True
    assert "Equal: " in page.render(equal())


class Elements(HTMLParser):
    """The tags of a page, and whether each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "!doctype"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_complete_in_itself_and_escaped() -> None:
    html = page.render(different())
    elements = Elements()
    elements.feed(html)
    assert elements.open == []
    names = {tag for tag, _ in elements.seen}
    assert "svg" in names
    assert not names & {"script", "link", "img", "iframe", "object", "a"}
    assert not {"src", "href", "style"} & {name for _, attributes in elements.seen for name in attributes}
    assert "://" not in html
    assert "url(" not in html


@pytest.mark.parametrize(
    ("metrics", "largest"),
    [
        ((), None),
        ((YEN, VIEWS), None),
        ((MetricChange("orders", "BRL", -200, -190, 10), RATE), 0.05),
        ((MetricChange("orders", "BRL", 200, 0, 200), VIEWS), 1.0),
        ((MetricChange("returns", "BRL", 0, 1, 1),), math.inf),
    ],
)
def test_the_largest_change_is_a_share_of_what_was_there(
    metrics: tuple[MetricChange, ...], largest: float | None
) -> None:
    most = largest_change(Difference(BEFORE, AFTER, metrics=metrics))
    assert (None if most is None else share(most)) == largest
