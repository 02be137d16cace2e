"""The ledger reads from the real Trino every position as often as bronze holds it."""

from collections import Counter
from datetime import timedelta

import pytest

from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.ledger import read_tables
from lakehouse.releases.model import BronzeCursor
from lakehouse.transform import catalog
from tests.support.bronze_rows import random_rows
from tests.support.embedded_stack import EmbeddedStack
from tests.support.stack_warehouse import LAYOUT, StackWarehouse

pytestmark = pytest.mark.stack

ROWS = random_rows(seed=20261123, count=500)


@pytest.mark.parametrize("more", [0, 2], ids=["at most twice", "some three times"])
def test_the_ledger_reads_every_position_as_often_as_it_is_held(lake: EmbeddedStack, more: int) -> None:
    rows, generation = ROWS + ROWS[:3] * more, GenerationNumber(8 + more)
    StackWarehouse(lake.settings).make_generation(generation, rows)
    trino = Trino.of(lake.settings, user=TRANSFORM_USER)
    catalog.prepare(trino, lake.settings, LAYOUT, GoldVersionNumber(90), generation)
    cursor, late = BronzeCursor(generation, 0), Counter[int]()
    held = Counter(
        (run.edge, run.segment, seq)
        for span in read_tables.spans_of(read_tables.bronze_days(trino, cursor), most=100)
        for run in read_tables.bronze_runs(trino, cursor, span, late)
        for seq in range(run.first, run.last + 1)
    )
    assert held == Counter(row.position for row in rows)
    assert (max(held.values()) > 2) == bool(more)
    overdue = {row.position for row in rows if row.accepted_at > row.time + timedelta(hours=1)}
    assert late.total() == len(overdue)
