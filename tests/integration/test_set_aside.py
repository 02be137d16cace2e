"""An event that the models cannot take stops nobody: it is set aside with the query's words, and the line goes on.

The models are those of the project with the fault that once stopped every merchant: a cast that fails on a field that
the event's type does not know.
"""

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.ledger.model import Stage
from lakehouse.ledger.read_tables import Span, counted_runs
from lakehouse.releases.generations import FIRST_GENERATION
from lakehouse.releases.model import BronzeCursor
from lakehouse.transform import definition
from lakehouse.transform.building.build import BuildFailedError
from tests.support import naive_models
from tests.support.bronze_rows import START, Row, random_rows
from tests.support.embedded_stack import EmbeddedStack
from tests.support.gold_state import expected_sales, sales
from tests.support.stack_warehouse import LAYOUT, StackWarehouse

pytestmark = pytest.mark.stack


def is_good(row: Row) -> bool:
    """For the faulty models, too."""
    if row.type not in naive_models.SALES:
        return True
    return naive_models.is_readable(row) and (row.type != "order.placed" or "amount_minor" not in json.loads(row.data))


GOOD = list(filter(is_good, random_rows(seed=16, count=80)))[:40]
FIRST, SECOND, THIRD = GOOD[:20], GOOD[20:26], GOOD[26:]


def poison(number: int) -> Row:
    """An event that the edge takes: the field belongs to other types. Its source and id have quotes in them."""
    data = {"order_id": f"o'{number}", "currency": "BRL", "items": [], "amount_minor": "19.99"}
    return Row(
        edge="edge-1",
        segment="s-9",
        seq=90_000 + number,
        accepted_at=START + timedelta(days=80, minutes=11, milliseconds=number),
        merchant_id="shop-p",
        source="/it's",
        id=f"poison-{number}",
        type="order.placed",
        time=START + timedelta(days=3),
        data=json.dumps(data, separators=(",", ":")),
    )


BAD = poison(1)
FROM_THE_BEGINNING = BronzeCursor(FIRST_GENERATION, -1)


@pytest.fixture(scope="module")
def warehouse(lake: EmbeddedStack, tmp_path_factory: pytest.TempPathFactory) -> StackWarehouse:
    """Its first gold version has the fault; bronze has three commits, and the poison is in the second."""
    made = StackWarehouse(lake.settings)
    project = shutil.copytree(definition.PROJECT, tmp_path_factory.mktemp("faulty") / "project")
    macro = project / "macros" / "sales_facts_of.sql"
    mended = "if(type <> 'order.placed', {{ integer_of('data', 'amount_minor') }})"
    assert mended in macro.read_text()
    faulty = "cast(json_extract_scalar(data, '$.amount_minor') as bigint)"
    macro.write_text(macro.read_text().replace(mended, faulty))
    made.versions.create(definition.freeze(made.files, LAYOUT, project))
    for day, rows in enumerate((FIRST, [*SECOND[:4], BAD, *SECOND[4:]], THIRD)):
        made.arrive(rows, 81 + day)
    return made


def turns(warehouse: StackWarehouse, most: int = 12) -> tuple[int, int]:
    """As the service goes on after a failure. Returns how many turns failed and how many rows were built."""
    failed = rows = 0
    for _ in range(most):
        try:
            outcome = warehouse.transform.turn()
        except BuildFailedError:
            failed += 1
            continue
        if outcome.snapshot is None:
            return failed, rows
        rows += outcome.rows
    raise AssertionError("the line stands still")


@pytest.fixture(scope="module")
def went_on(warehouse: StackWarehouse) -> tuple[int, int]:
    return turns(warehouse)


def test_the_line_goes_on_without_that_event(warehouse: StackWarehouse, went_on: tuple[int, int]) -> None:
    """It fails on everything, then twice on the second commit alone."""
    assert went_on == (2, len(GOOD) + 1)
    assert sales(warehouse.trino, 1) == expected_sales(GOOD)


def test_the_event_is_in_quarantine_with_the_querys_words(warehouse: StackWarehouse, went_on: tuple[int, int]) -> None:
    query = (
        "SELECT edge, segment, seq, source, id, data, detail FROM lake.silver.duplicates WHERE verdict = 'set_aside'"
    )
    (found,) = warehouse.trino.query(query)
    assert (found["edge"], found["segment"], found["seq"]) == BAD.position
    assert (found["source"], found["id"], found["data"]) == (BAD.source, BAD.id, BAD.data)
    assert "sales_facts" in found["detail"]
    assert "Cannot cast '19.99' to BIGINT" in found["detail"]


def test_the_release_says_how_many_lie_aside(warehouse: StackWarehouse, went_on: tuple[int, int]) -> None:
    current = warehouse.log.current()
    assert current is not None
    assert current.release.set_aside == 1
    assert warehouse.log.get(ReleaseNumber(1)).release.set_aside == 0


def test_the_ledger_counts_it_as_quarantined(warehouse: StackWarehouse, went_on: tuple[int, int]) -> None:
    current = warehouse.log.current()
    assert current is not None
    day = BAD.accepted_at.date()
    runs = [
        (stage, run.segment, run.first)
        for stage, run in counted_runs(warehouse.trino, current.release, Span(day, day))
        if run.segment == BAD.segment
    ]
    assert runs == [(Stage.QUARANTINED, BAD.segment, BAD.seq)]


def test_a_new_delivery_of_it_is_nothing_new(warehouse: StackWarehouse, went_on: tuple[int, int]) -> None:
    """Good events go on beside it."""
    later = replace(FIRST[0], seq=99_000, id="later", accepted_at=BAD.accepted_at)
    warehouse.arrive([BAD, later], 85)
    assert turns(warehouse) == (0, 2)
    assert sales(warehouse.trino, 1) == expected_sales([*GOOD, later])
    assert warehouse.trino.query("SELECT count(*) AS n FROM lake.silver.duplicates WHERE verdict = 'set_aside'") == [
        {"n": 1}
    ]


def test_a_mended_definition_counts_it(warehouse: StackWarehouse, went_on: tuple[int, int]) -> None:
    """A version of its own begins without rules, and takes all of bronze."""
    version = warehouse.versions.create(definition.freeze(warehouse.files, LAYOUT, definition.PROJECT))
    builder = warehouse.builder
    found = builder.new_commits(version.version, FROM_THE_BEGINNING)
    assert found is not None
    assert builder.consume(version, None, found, lambda _: None) is not None
    counted = warehouse.trino.query(
        f"SELECT count(*) AS n FROM lake.silver_v{version.version}.sales_facts "
        "WHERE merchant_id = 'shop-p' AND NOT unreadable"
    )
    assert counted == [{"n": 1}]


def test_a_definition_that_fails_without_events_stays_an_error(warehouse: StackWarehouse, tmp_path: Path) -> None:
    project = shutil.copytree(definition.PROJECT, tmp_path / "project")
    model = project / "models" / "silver" / "events.sql"
    model.write_text(model.read_text().replace("cast({{ var('snapshot') }} as bigint)", "nine"))
    version = warehouse.versions.create(definition.freeze(warehouse.files, LAYOUT, project))
    for said in ("nine", "nine", "without any event", "nine"):
        found = warehouse.builder.new_commits(version.version, FROM_THE_BEGINNING)
        assert found is not None
        with pytest.raises(BuildFailedError, match=said):
            warehouse.builder.consume(version, None, found, lambda _: None)
    assert warehouse.builder.aside.of(version.version).rules == ()
