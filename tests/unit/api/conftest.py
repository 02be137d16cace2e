"""The insights API over a warehouse in a local folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gold_warehouse import GoldWarehouse, sale, view
from tests.support.insights_service import Service, served


@pytest.fixture
def warehouse(tmp_path: Path) -> GoldWarehouse:
    return GoldWarehouse(tmp_path / "hdfs")


@pytest.fixture
def service(warehouse: GoldWarehouse, tmp_path: Path) -> Iterator[Service]:
    with served(warehouse, tmp_path / "home") as service:
        yield service


@pytest.fixture
def day(warehouse: Any, service: Any) -> Any:
    """Two releases of one day: the second adds a late sale at 10:15 and corrects nothing else."""
    warehouse.write(
        "merchant_sales",
        [
            sale("10:00", gross_sales=1000, discounts=100, orders=3, units=4),
            sale("10:45", gross_sales=5, orders=1, units=1),
            sale("11:00", "JPY", gross_sales=7000, returns=900, orders=2),
            sale("11:00", "", orders_cancelled=1),
            sale("10:00", "EUR", merchant="other", gross_sales=99, orders=9),
        ],
        snapshot=1,
    )
    warehouse.write("merchant_traffic", [view("10:00", 7), view("10:15", 1)], snapshot=1)
    warehouse.publish(1, "2026-11-16T11:00:00Z")
    warehouse.write("merchant_sales", [sale("10:15", gross_sales=30, orders=1)], snapshot=2)
    warehouse.publish(2, "2026-11-16T11:00:00Z")
    service.wait_for(2)
    return service
