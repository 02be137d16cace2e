"""How tables are made comparable, and how a comparison is cut into queries."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts import tables
from lakehouse.contracts.ids import SnapshotNumber
from lakehouse.releases.model import TableState
from lakehouse.transform.diff import gold_sql, silver_sql
from lakehouse.transform.diff.columns import columns_of
from lakehouse.transform.diff.model import ColumnChange
from lakehouse.transform.diff.portions import Portion, add_up, bucketed, packs, portions
from lakehouse.transform.diff.sides import Sides

GOLD = {"merchant_id": "varchar", "slot": "timestamp(3) with time zone", "currency": "varchar", "tax": "bigint"} | {
    "orders": "bigint",
    "snapshot": "bigint",
    "slot_month": "date",
}


def months() -> st.SearchStrategy[dict[date | None, int]]:
    month: st.SearchStrategy[date | None] = st.dates(date(2000, 1, 1), date(2026, 12, 1)).map(
        lambda day: day.replace(day=1)
    )
    return st.dictionaries(month, st.integers(1, 5000), max_size=40).map(lambda rows: add_up(rows))


@given(months(), st.integers(1, 4000))
def test_every_month_is_in_one_pack_and_packs_are_bounded(rows: dict[date | None, int], most: int) -> None:
    found = packs(rows, most)
    assert [month for pack in found for month in pack] == list(rows)
    assert all(len(pack) == 1 or sum(rows[month] for month in pack) <= most for pack in found)


@given(months(), st.integers(1, 4000))
def test_portions_hold_every_bucket_of_every_month_once(rows: dict[date | None, int], most: int) -> None:
    held: dict[date | None, float] = dict.fromkeys(rows, 0)
    for portion in portions(rows, most):
        for month in portion.months:
            held[month] += 1 / portion.buckets
        assert sum(rows[month] for month in portion.months) / portion.buckets <= most
    assert all(abs(share - 1) < 1e-9 for share in held.values())


@given(months(), st.integers(1, 4000), st.integers(1, 5))
def test_a_bucket_goes_through_all_months(rows: dict[date | None, int], most: int, buckets: int) -> None:
    for bucket in range(buckets):
        found = bucketed(rows, most, bucket, buckets)
        assert [month for portion in found for month in portion.months] == list(rows)
        assert {portion.bucket for portion in found} <= {bucket}


def test_what_differs_in_columns() -> None:
    after = {name: kind for name, kind in GOLD.items() if name != "orders"} | {"tax": "decimal(38,0)", "fee": "bigint"}
    columns = columns_of("gold.merchant_sales", GOLD, after)
    assert set(columns.changes) == {
        ColumnChange("tax", "bigint", "decimal(38,0)"),
        ColumnChange("orders", "bigint", None),
        ColumnChange("fee", None, "bigint"),
    }
    assert columns.keys == tables.GOLD_KEYS[tables.MERCHANT_SALES]
    assert columns.values == ("tax",), "rows are compared by what both have"
    assert columns.comparable("tax") == 'CAST("tax" AS DECIMAL(38, 0))'


def test_bookkeeping_is_not_compared() -> None:
    types = dict.fromkeys([*tables.SILVER_KEYS[tables.SILVER_DUPLICATES], "verdict", *tables.BOOKKEEPING], "varchar")
    columns = columns_of("silver.duplicates", types, types)
    assert columns.values == ("verdict",)


def test_a_table_that_one_side_lacks_differs_as_a_table() -> None:
    columns = columns_of("gold.merchant_sales", {}, GOLD)
    assert columns.changes == ()
    assert set(columns.values) == {"tax", "orders"}


def sides(**states: TableState | None) -> Sides:
    before, after = states["before"], states["after"]
    columns = columns_of("gold.merchant_sales", GOLD if before else {}, GOLD if after else {})
    return Sides("gold.merchant_sales", columns, (before, after), (SnapshotNumber(4), SnapshotNumber(9)))


def test_each_side_is_read_where_its_snapshot_says() -> None:
    """A table may lie in another version's schema."""
    one, other = TableState("gold_v1", "/a", 17), TableState("gold_v5", "/b", 3)
    query = gold_sql.totals(sides(before=one, after=other), Portion((date(2026, 3, 1),), 1, 4))
    for side, pin, snapshot in ((0, "gold_v1.merchant_sales FOR VERSION AS OF 17", 4), (1, "gold_v5", 9)):
        part = query.split(f"SELECT {side} AS side")[1].split(" UNION ALL ")[0]
        assert pin in part
        assert f"WHERE snapshot <= {snapshot} AND (slot_month IN (DATE '2026-03-01'))" in part
        assert "% 4) = 1" in part
    only = gold_sql.totals(sides(before=one, after=None), Portion())
    assert "UNION ALL" not in only


def test_a_merchants_name_cannot_leave_its_quotes() -> None:
    one = TableState("gold_v1", "/a", 17)
    query = gold_sql.sample(sides(before=one, after=one), ["x') OR ('1' = '1"], 5)
    assert "merchant_id IN ('x'') OR (''1'' = ''1')" in query


def test_replaced_facts_stand_for_nothing() -> None:
    types = dict.fromkeys([*tables.SILVER_KEYS[tables.SILVER_SALES_FACTS], "tax", "replaced"], "varchar")
    state = TableState("silver_v1", "/a", 1)
    both = Sides(
        "silver.sales_facts",
        columns_of("silver.sales_facts", types, types),
        (state, state),
        (SnapshotNumber(1), SnapshotNumber(1)),
    )
    assert "WHERE NOT replaced" in silver_sql.months(both, 0)
    assert both.same_files
