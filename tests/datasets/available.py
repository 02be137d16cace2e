"""The data sets to test with: the real ones where their files lie beside the checkout, else generated ones."""

from datetime import UTC, datetime
from pathlib import Path

from lakehouse.simulate.dataset import Dataset, simulated
from tests.datasets.olist import olist
from tests.datasets.online_retail import online_retail

DATA = Path(__file__).parents[3] / "shared" / "data"


def datasets() -> list[Dataset]:
    """Both real data sets, or two generated ones of several currencies, zones and merchants."""
    sellers = DATA / "olist" / "order_items.parquet"
    shop = DATA / "online_retail" / "online_retail.parquet"
    if sellers.exists() and shop.exists():
        return [olist(sellers), online_retail(shop)]
    start, end = datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
    return [
        simulated(seed=seed, merchants=merchants, start=start, end=end, visits_per_day=visits)
        for seed, merchants, visits in ((1, 200, 3.0), (2, 1, 300.0))
    ]
