"""A frame is its lines: however lines are put into records, the same comes out of them, and a bad one costs itself."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from lakehouse.contracts import topics
from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, Watermark, frame_of, lines_of
from streaming import split_events as split
from streaming.batch_summary import BatchSummary, summarize
from streaming.frames import lines

INPUT = "topic string, partition int, offset bigint, value binary"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
AT = 1_763_892_000_123_456
QUICK = settings(max_examples=2, phases=[Phase.explicit, Phase.reuse, Phase.generate])
"""Each example is a few Spark jobs, which cost the same for a hundred lines as for one: so they are few and large."""


def batch(first: int, events: int, text: str = "") -> bytes:
    event = AcceptedEvent(id=text, source="s", type="page.viewed", time=AT, data='{"visitor_id":"v"}')
    return msgspec.json.encode(AcceptedBatch("e", "ab-0", first, AT, "m", [event] * events))


def records(spark: SparkSession, values: Sequence[bytes | None]) -> DataFrame:
    rows = [(topics.EVENTS.name, 0, i, None if value is None else bytearray(value)) for i, value in enumerate(values)]
    return spark.createDataFrame(rows, INPUT)


def landed(spark: SparkSession, values: Sequence[bytes | None]) -> tuple[Counter[Any], Counter[Any], BatchSummary]:
    """Bronze rows and quarantine without their offsets, and the summary."""
    parsed = split.parse(records(spark, values))
    rows = Counter(map(tuple, split.bronze_rows(parsed).drop("kafka_offset").collect()))
    quarantine = split.quarantine_rows(parsed, 1, 2, NOW).drop("kafka_offset").collect()
    kept = Counter((bytes(row["body"]), row["reason"], row["detail"]) for row in quarantine)
    return rows, kept, summarize(split.summary(parsed).collect())


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
GOOD = st.builds(batch, st.integers(0, 2**40), st.integers(0, 3), TEXT)
MARK = st.builds(lambda at: msgspec.json.encode(Watermark("e", "ab", 0, at)), st.integers(0, AT))
BAD = st.sampled_from(
    [b"", b" ", b"\r", b"garbage", b"\xff\xfe", "{ä".encode(), b"\x85\xe2\x80\xa8", batch(0, 1)[:-1], b"[1,", b"],["]
) | st.binary(max_size=20).map(lambda data: data.replace(b"\n", b""))


@QUICK
@given(st.lists(GOOD | MARK | BAD, min_size=40, max_size=80), st.sets(st.integers(1, 79), min_size=10))
def test_any_cut_into_frames_lands_as_one_line_a_record(spark: SparkSession, each: list[bytes], cuts: set[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(each)), len(each)]
    frames = [frame_of(each[start:end]) for start, end in pairwise(places)]
    rows, quarantine, summary = landed(spark, frames)
    alone_rows, alone_quarantine, alone = landed(spark, each)
    assert (rows, quarantine) == (alone_rows, alone_quarantine)
    assert (summary.rows, summary.quarantined, summary.marks) == (alone.rows, alone.quarantined, alone.marks)
    assert [(place.start, place.end) for place in summary.read.values()] == [(0, len(frames))]


@QUICK
@given(st.lists(st.tuples(BAD, st.integers(0, 4)), min_size=20, max_size=40))
def test_a_bad_line_costs_itself_alone(spark: SparkSession, cases: list[tuple[bytes, int]]) -> None:
    """Each case is a frame with a bad line at some place among four good ones."""
    good = [[batch(4 * case + number, 1, "é") for number in range(4)] for case in range(len(cases))]
    frames = [frame_of([*four[:place], bad, *four[place:]]) for (bad, place), four in zip(cases, good, strict=True)]
    rows, quarantine, _ = landed(spark, frames)
    assert rows == landed(spark, [line for four in good for line in four])[0]
    assert Counter(body for body, _, _ in quarantine.elements()) == Counter(bad for bad, _ in cases)


@QUICK
@given(st.lists(st.binary(max_size=60) | st.none(), min_size=60, max_size=100))
def test_no_byte_is_lost_but_the_newlines(spark: SparkSession, values: list[bytes | None]) -> None:
    found = lines(records(spark, values)).collect()
    wanted = [
        (offset, line) for offset, value in enumerate(values) for line in ([None] if value is None else lines_of(value))
    ]
    assert [(row["offset"], row["value"]) for row in found] == wanted
    again = lines(records(spark, [row["value"] for row in found])).collect()
    assert [row["value"] for row in again] == [row["value"] for row in found]
