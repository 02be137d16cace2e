"""Sums of what differs: exact, and the same however the comparison is cut into queries."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts.metrics import METRICS
from lakehouse.transform.diff import gold_sql
from lakehouse.transform.diff.model import MetricChange
from lakehouse.transform.diff.tally import Tally, value

TABLE = "gold.merchant_sales"
START = datetime(2026, 3, 1, tzinfo=UTC)
SHOWN = ("returns", "net_sales", "total_sales", "orders", "refund_rate")

Key = tuple[str, int, str]
Values = tuple[int, int, int, int]


def keys() -> st.SearchStrategy[dict[Key, Values]]:
    """Returns and orders, before and after, by (merchant, hour, currency)."""
    key = st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 60), st.sampled_from(["BRL", "JPY", ""]))
    money, count = st.integers(-(10**20), 10**20), st.integers(0, 3)
    return st.dictionaries(key, st.tuples(money, money, count, count), max_size=30)


def answer(keys: dict[Key, Values]) -> list[dict[str, Any]]:
    """What the query would say about these keys."""
    rows: dict[Any, dict[str, Any]] = {}
    for (merchant, hour, currency), (before, after, orders, placed) in keys.items():
        at, touched = START + timedelta(hours=hour), (before, orders) != (after, placed)
        for level, who, when in (
            (gold_sql.BY_CURRENCY, None, None),
            (gold_sql.BY_MERCHANT, merchant, None),
            (gold_sql.BY_HOUR, None, at),
        ):
            if not touched and level != gold_sql.BY_CURRENCY:
                continue
            row = rows.setdefault(
                (level, who, when, currency),
                defaultdict(int, level=level, merchant=who, hour=when, currency=currency),
            )
            sums = {"b_returns": before, "a_returns": after, "b_orders": orders, "a_orders": placed}
            for name, amount in sums.items():
                row[name] += Decimal(amount)
            for name in ("m_returns", "m_net_sales", "m_total_sales"):
                row[name] += abs(after - before)
            row["m_orders"] += abs(placed - orders)
            for name in ("rows_added", "rows_removed", "rows_unchanged"):
                row[name] += 0
            row["rows_changed"] += touched
    return list(rows.values())


def tallied(parts: list[dict[Key, Values]], top: int) -> Tally:
    tally = Tally(top, metrics={TABLE: SHOWN})
    for part in parts:
        tally.add(TABLE, answer(part))
        tally.close_bucket()
    return tally


@given(keys(), st.integers(1, 4), st.integers(1, 4))
def test_buckets_of_merchants_give_the_same(keys: dict[Key, Values], buckets: int, top: int) -> None:
    parts = [{k: v for k, v in keys.items() if ord(k[0]) % buckets == bucket} for bucket in range(buckets)]
    whole, cut = tallied([keys], top), tallied(parts, top)
    assert cut.merchants() == whole.merchants()
    assert cut.merchants_affected == whole.merchants_affected
    assert cut.hours() == whole.hours()
    assert cut.days() == whole.days()
    assert cut.metric_changes() == whole.metric_changes()


def same(one: MetricChange, other: MetricChange) -> bool:
    return (one.metric, one.currency) == (other.metric, other.currency)


@given(keys())
def test_all_parts_add_up_to_the_totals(keys: dict[Key, Values]) -> None:
    tally = tallied([keys], top=1000)
    for metric in tally.metric_changes():
        if metric.metric == "refund_rate":
            continue
        for parts in (tally.merchants(), tally.hours(), tally.days()):
            changes = [c.change for p in parts for c in p.changes if same(c, metric)]
            assert sum(changes) == metric.change
    for merchant in tally.merchants():
        own = [v for k, v in keys.items() if k[0] == merchant.merchant_id]
        moved = sum(c.moved or 0 for c in merchant.changes if c.metric == "returns")
        assert moved == sum(abs(after - before) for before, after, *_ in own)


@given(keys())
def test_the_first_merchant_has_the_largest_share_of_a_currency(keys: dict[Key, Values]) -> None:
    moved: dict[tuple[str, str], int] = defaultdict(int)
    for (merchant, _, currency), (before, after, *_) in keys.items():
        moved[(merchant, currency)] += abs(after - before)
    total = {currency: sum(m for (_, c), m in moved.items() if c == currency) for _, currency in moved}
    shares = {key: Fraction(amount, total[key[1]]) for key, amount in moved.items() if amount}
    first = [merchant.merchant_id for merchant in tallied([keys], top=1).merchants()]
    if shares:
        assert first[0] in {key[0] for key, share in shares.items() if float(share) == float(max(shares.values()))}


@given(st.integers(-(10**25), 10**25), st.integers(-50, 10**12))
def test_a_ratio_is_rounded_half_away_from_zero(top: int, bottom: int) -> None:
    found = value(METRICS["refund_rate"], {"returns": top, "gross_sales": bottom})
    if bottom == 0:
        assert found is None
        return
    exact = Fraction(top, bottom) * 10**6
    rounded = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert found is not None
    assert Fraction(found) * 10**6 == rounded
