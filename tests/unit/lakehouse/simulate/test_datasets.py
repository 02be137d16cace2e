"""The truth of a data set is that of its events: counted twice, along two ways."""

from collections import Counter, defaultdict
from datetime import UTC, datetime

import msgspec
import pytest

from lakehouse.simulate.dataset import Dataset, simulated
from lakehouse.simulate.truth import Cell, Truth
from tests.datasets.available import DATA, datasets

EDGE_LARGEST_EVENT = 64 << 10


def count(dataset: Dataset) -> Truth:
    """The measures, from the events alone."""
    found: Truth = defaultdict(Counter)
    events = list(dataset.events())
    orders = {(m, e["data"]["order_id"]): e["data"]["currency"] for m, e in events if e["type"] == "order.placed"}
    for merchant_id, event in events:
        data = event["data"]
        currency = data.get("currency") or orders.get((merchant_id, data.get("order_id")), "")
        cell = found[Cell(merchant_id, event["time"][:7], currency)]
        match event["type"]:
            case "order.placed":
                items = data["items"]
                cell["orders"] += 1
                cell["units"] += sum(item["quantity"] for item in items)
                cell["gross_sales"] += sum(
                    item["amount_minor"] if "amount_minor" in item else item["unit_price_minor"] * item["quantity"]
                    for item in items
                )
                cell["discounts"] += data.get("discount_minor", 0) + sum(i.get("discount_minor", 0) for i in items)
                cell["shipping"] += data.get("shipping_minor", 0)
                cell["tax"] += data.get("tax_minor", 0)
            case "refund.issued" | "order.cancelled":
                taken = {part: data.get(f"{part}_minor", 0) for part in ("shipping", "tax")}
                cell["returns"] += data.get("amount_minor", 0) - sum(taken.values())
                cell["orders_cancelled"] += event["type"] == "order.cancelled"
                cell.subtract(taken)
            case "page.viewed":
                found[Cell(merchant_id, event["time"][:7], "")]["page_views"] += 1
    return found


def without_zeros(truth: Truth) -> dict[Cell, dict[str, int]]:
    cells = {cell: {name: n for name, n in measures.items() if n} for cell, measures in truth.items()}
    return {cell: measures for cell, measures in cells.items() if measures}


@pytest.mark.parametrize("dataset", datasets(), ids=lambda dataset: dataset.name)
def test_events_add_up_to_the_truth(dataset: Dataset) -> None:
    assert without_zeros(count(dataset)) == without_zeros(dataset.truth)


@pytest.mark.parametrize("dataset", datasets(), ids=lambda dataset: dataset.name)
def test_events_have_one_identity_each_and_fit_the_edge(dataset: Dataset) -> None:
    identities = [(merchant_id, event["source"], event["id"]) for merchant_id, event in dataset.events()]
    assert len(identities) == len(set(identities))
    assert max(len(msgspec.json.encode(event)) for _, event in dataset.events()) <= EDGE_LARGEST_EVENT


def test_the_generator_is_a_function_of_its_seed() -> None:
    start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    one, same, other = (simulated(seed=seed, merchants=12, start=start, end=end) for seed in (5, 5, 6))
    assert list(one.events()) == list(same.events()) != list(other.events())
    assert one.truth == same.truth
    kinds = {event["type"] for _, event in one.events()}
    assert len(kinds) == 8
    assert {"JPY", "KWD", "NPR"} <= {cell.currency for cell in one.truth}
    assert all(start <= datetime.fromisoformat(event["time"]) < end for _, event in one.events())


def test_the_real_files_are_those_that_are_described() -> None:
    """Totals of the data's own description; where the files are absent, the generated sets stand in."""
    sets = {dataset.name: dataset for dataset in datasets()}
    if not DATA.exists():
        assert all("simulated" in name for name in sets)
        return
    olist = sum((measures for measures in sets["olist"].truth.values()), Counter())
    assert (olist["gross_sales"], olist["shipping"], olist["orders"]) == (608_465_450, 97_313_757, 44_388)
    assert len({cell.merchant_id for cell in sets["olist"].truth}) == 1_798
    excluded = {"lines_with_quantity_below_1_without_c": 1_336, "lines_with_negative_price": 2}
    assert sets["online-retail"].excluded == excluded
    shop = sum((measures for measures in sets["online-retail"].truth.values()), Counter())
    # To the rounding of single lines, the file's own sums: lines on C invoices, and all others but two of bad debt.
    assert abs(shop["returns"] - 89_681_249) <= 100
    assert abs(shop["gross_sales"] - (1_064_456_042 + 2 * 1_106_206)) <= 1_000
