"""Lines that are made of bronze's rows give the same rows again: raw line, bronze, raw line, bronze."""

from itertools import groupby
from typing import Any

import msgspec
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from lakehouse import instants
from lakehouse.bronze_to_raw.lines import raw_files
from lakehouse.contracts import tables, topics
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent
from streaming.split_events import split_events

INCARNATION = "00000000000000aa"
AT = 1_763_892_000_000_123
RECORDS = "topic string, partition int, offset bigint, value binary"
COLUMNS = [name for name in tables.BRONZE_COLUMNS if not name.startswith("kafka_")]

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SOME = st.none() | TEXTS
EXTENSIONS = st.none() | st.dictionaries(
    st.text("abcxyz019", min_size=1, max_size=8), TEXTS | st.booleans() | st.integers(-(2**31), 2**31 - 1), max_size=3
)
EVENTS = st.builds(
    AcceptedEvent,
    id=TEXTS,
    source=TEXTS,
    type=st.sampled_from(["order.placed", "page.viewed"]),
    time=st.integers(0, AT),
    data=st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), max_size=3).map(
        lambda value: msgspec.json.encode(value).decode()
    ),
    subject=SOME,
    dataschema=SOME,
    extensions=EXTENSIONS,
    replay_of=SOME,
)


@st.composite
def logs(draw: st.DrawFn) -> list[bytes]:
    """Lines of an incarnation. Stamps never go back; some are a few microseconds apart."""
    lines, first, at, number = [], 0, AT, 0
    for _ in range(draw(st.integers(1, 60))):
        at += draw(st.sampled_from([0, 1, 400, 1_000, 3_600_000_000]))
        number += draw(st.sampled_from([0, 0, 1]))
        events = draw(st.lists(EVENTS, min_size=1, max_size=4))
        merchant = draw(st.sampled_from(["shop-1", "shop-2"]))
        batch = AcceptedBatch("edge-1", f"{INCARNATION}-{number}", first, at, merchant, events)
        lines.append(msgspec.json.encode(batch))
        first += len(events)
    return lines


def rows_of(spark: SparkSession, lines: list[bytes]) -> list[dict[str, Any]]:
    """What bronze has of them, in order."""
    records = spark.createDataFrame([(topics.EVENTS.name, 0, n, line) for n, line in enumerate(lines)], RECORDS)
    rows = split_events(records).orderBy("seq").select(*COLUMNS)
    for name in ("accepted_at", "time"):  # Python's own conversion would know its machine's zone
        rows = rows.withColumn(name, f.unix_micros(name))
    found = [row.asDict() for row in rows.collect()]
    return [row | {name: instants.from_micros(row[name]) for name in ("accepted_at", "time")} for row in found]


def lines_from(rows: list[dict[str, Any]], most: int) -> list[bytes]:
    found = []
    for segment, own in groupby(rows, key=lambda row: str(row["segment"])):
        for file in raw_files("edge-1", segment, own, most):
            assert file.manifest.consistent
            found += zstandard.ZstdDecompressor().decompress(file.data).splitlines()
    return found


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs(), st.integers(1, 4_000))
def test_bronze_to_raw_to_bronze_is_the_same_bronze(spark: SparkSession, log: list[bytes], most: int) -> None:
    rows = rows_of(spark, log)
    assert [row["seq"] for row in rows] == list(range(len(rows)))
    lines = lines_from(rows, most)
    assert rows_of(spark, lines) == rows
    assert lines_from(rows, most) == lines
