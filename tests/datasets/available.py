"""The data sets to test with: the real ones where their files lie beside the checkout, else generated ones."""

from datetime import UTC, datetime
from pathlib import Path

from lakehouse.simulate.dataset import Dataset, simulated
from tests.datasets.olist import olist
from tests.datasets.online_retail import online_retail
from tests.datasets.shown import under_prefix

DATA = Path(__file__).parents[3] / "shared" / "data"


def datasets() -> list[Dataset]:
    """Both real data sets, or two generated ones of several currencies, zones and merchants."""
    sellers = DATA / "olist" / "order_items.parquet"
    shop = DATA / "online_retail" / "online_retail.parquet"
    if sellers.exists() and shop.exists():
        return [olist(sellers), online_retail(shop)]
    start, end = datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
    many = simulated(seed=1, merchants=200, start=start, end=end, visits_per_day=3.0)
    one = simulated(seed=2, merchants=1, start=start, end=end, visits_per_day=300.0)
    return [many, under_prefix(one, "alone-")]  # generated merchants have the same names in every set
