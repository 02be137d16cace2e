"""The catalogue is made of measures that gold has, and says in words what each of them counts."""

import pytest

from lakehouse.contracts.metrics import DEFINITIONS, METRICS, Metric
from lakehouse.contracts.tables import GOLD_MEASURES


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_a_metric_is_made_of_measures_of_its_table(metric: Metric) -> None:
    assert set(metric.measures) <= set(GOLD_MEASURES[metric.table])


def test_every_measure_has_a_definition() -> None:
    assert set(DEFINITIONS) == {measure for measures in GOLD_MEASURES.values() for measure in measures}


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("net_sales", "gross_sales - discounts - returns"),
        ("total_sales", "gross_sales + shipping + tax - discounts - returns"),
        ("average_order_value", "(gross_sales - discounts) / orders"),
        ("refund_rate", "returns / gross_sales"),
    ],
)
def test_what_is_made_of_measures_says_how(name: str, formula: str) -> None:
    assert METRICS[name].formula == formula


def test_no_metric_is_defined_by_its_own_name() -> None:
    assert not [metric.name for metric in METRICS.values() if metric.formula == metric.name]
