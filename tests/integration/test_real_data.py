"""Real shops through the whole stack: every merchant's months equal the truth to the minor unit, sent once or twice."""

from pathlib import Path
from typing import Any

import pytest

from lakehouse.simulate.truth import Truth
from tests.datasets.available import datasets
from tests.datasets.shown import expected, send, settle, shown
from tests.support.embedded_stack import EmbeddedStack

pytestmark = pytest.mark.stack

STATIONS = ("accepted", "kafka", "raw", "bronze")
SETS = datasets()
EVENTS = sum(1 for dataset in SETS for _ in dataset.events())


def all_truths() -> Truth:
    return {cell: sums for dataset in SETS for cell, sums in dataset.truth.items()}


def counted(ledger: dict[str, Any]) -> dict[str, int]:
    totals: dict[str, int] = ledger["totals"]
    return totals


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(scope="module")
def before(stack: EmbeddedStack) -> dict[str, int]:
    """The ledger's totals without our events; other tests may have sent theirs."""
    return counted(settle(stack))


@pytest.fixture(scope="module")
def sent_once(stack: EmbeddedStack, folder: Path, before: dict[str, int]) -> dict[str, Any]:
    """The ledger after everything has been sent once."""
    for dataset in SETS:
        send(stack, dataset, folder)
    return settle(stack)


@pytest.fixture(scope="module")
def sent_twice(stack: EmbeddedStack, folder: Path, sent_once: dict[str, Any]) -> dict[str, Any]:
    """The ledger after everything has been sent a second time."""
    for dataset in SETS:
        send(stack, dataset, folder)
    return settle(stack)


@pytest.mark.usefixtures("sent_once")
def test_every_merchants_months_equal_the_truth(stack: EmbeddedStack) -> None:
    truth = all_truths()
    assert shown(stack, truth) == expected(truth)


def test_the_ledger_accounts_for_every_event(sent_once: dict[str, Any], before: dict[str, int]) -> None:
    totals = counted(sent_once)
    assert sent_once["balanced"]
    assert sent_once["missing"] == []
    assert {totals[station] - before[station] for station in STATIONS} == {EVENTS}
    assert totals["silver"] - before["silver"] == EVENTS
    assert totals["in_flight"] == totals["lost"] == 0


def test_sending_everything_twice_changes_no_number(stack: EmbeddedStack, sent_twice: dict[str, Any]) -> None:
    truth = all_truths()
    assert sent_twice["balanced"]
    assert shown(stack, truth) == expected(truth)


def test_what_was_sent_twice_is_counted_as_duplicates(sent_once: dict[str, Any], sent_twice: dict[str, Any]) -> None:
    once, twice = counted(sent_once), counted(sent_twice)
    assert twice["duplicates"] - once["duplicates"] == EVENTS
    assert twice["silver"] == once["silver"]
    assert twice["quarantined"] == once["quarantined"]
