"""The ledger reads from the real Trino every position as often as bronze holds it, and raw gaps are filled from it."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import astuple
from zstandard import ZstdDecompressor

from lakehouse.bronze_to_raw.bronze import Bronze
from lakehouse.bronze_to_raw.filling import BronzeToRaw
from lakehouse.clients.files import LocalFiles
from lakehouse.clients.trino import Trino
from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, Booked, RawGaps, incarnation_of
from lakehouse.contracts.tables import TRANSFORM_USER
from lakehouse.instants import to_micros
from lakehouse.ledger import read_tables
from lakehouse.ledger.model import hour_of
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


@pytest.mark.parametrize("retained_from", [None, 300], ids=["Kafka has its first record", "Kafka has begun to delete"])
def test_what_kafka_need_not_have_is_what_it_let_go_and_what_a_raw_file_brought(
    lake: EmbeddedStack, retained_from: int | None
) -> None:
    """Whether a row was read from Kafka or from a raw file is known of bronze alone."""
    rows = [replace(row, from_raw=row.seq % 3 == 0) for row in ROWS]
    generation = GenerationNumber(13 if retained_from is None else 14)
    StackWarehouse(lake.settings).make_generation(generation, rows)
    trino = Trino.of(lake.settings, user=TRANSFORM_USER)
    catalog.prepare(trino, lake.settings, LAYOUT, GoldVersionNumber(90), generation)
    cursor, earliest = BronzeCursor(generation, 0), {} if retained_from is None else {0: retained_from}
    found = {
        (run.edge, run.segment, seq)
        for span in read_tables.spans_of(read_tables.bronze_days(trino, cursor), most=100)
        for run in read_tables.without_kafka_runs(trino, cursor, span, earliest)
        for seq in range(run.first, run.last + 1)
    }
    assert found == {row.position for row in rows if row.from_raw or row.seq < (retained_from or 0)}


def test_raw_gaps_are_filled_with_the_rows_that_bronze_has(lake: EmbeddedStack, tmp_path: Path) -> None:
    generation, files = GenerationNumber(12), LocalFiles(tmp_path)
    StackWarehouse(lake.settings).make_generation(generation, ROWS)
    trino = Trino.of(lake.settings, user=TRANSFORM_USER)
    catalog.prepare(trino, lake.settings, LAYOUT, GoldVersionNumber(90), generation)
    gaps: dict[tuple[str, str], list[Booked]] = defaultdict(list)
    for row in sorted(ROWS, key=lambda row: row.seq):
        booked = Booked(hour_of(to_micros(row.accepted_at)), row.seq, row.seq)
        gaps[row.edge, incarnation_of(row.segment)].append(booked)
    for (edge, incarnation), found in gaps.items():
        more = [*found, Booked(found[0].hour, len(ROWS), len(ROWS))]
        files.write(LAYOUT.raw_gaps(edge, incarnation), msgspec.json.encode(RawGaps(edge, incarnation, more)))
    verb = BronzeToRaw(files, LAYOUT, Bronze(trino, BronzeCursor(generation, 0)))
    plan = verb.plan()
    assert {one.first for found in plan.missing.values() for one in found} == {len(ROWS)}
    assert len(plan.missing) == len(gaps)
    verb.carry_out(plan)
    paths = (tmp_path / LAYOUT.raw.lstrip("/")).glob("*/*.zst")
    lines = [line for path in paths for line in ZstdDecompressor().decompress(path.read_bytes()).splitlines()]
    batches = [msgspec.json.decode(line, type=AcceptedBatch) for line in lines]
    written = [
        (batch.edge, batch.segment, batch.first + n, batch.accepted_at, batch.merchant_id, *astuple(event))
        for batch in batches
        for n, event in enumerate(batch.events)
    ]
    wanted = {
        (
            *(*row.position, to_micros(row.accepted_at), row.merchant_id),
            *astuple(AcceptedEvent(row.id, row.source, row.type, to_micros(row.time), row.data)),
        )
        for row in ROWS
    }
    assert sorted(written, key=str) == sorted(wanted, key=str), "each position once"
