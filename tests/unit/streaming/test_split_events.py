"""Records into rows: what fits becomes rows with positions, everything else becomes quarantine, and nothing is lost."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from chispa import assert_df_equality
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession

from lakehouse.contracts import tables, topics
from lakehouse.contracts.records import CLOSED_MARK, AcceptedBatch, AcceptedEvent, Rejected, Watermark
from streaming import split_events as split
from streaming.batch_summary import summarize
from streaming.split_events import Refusal

EVENTS, REJECTED = topics.EVENTS.name, topics.REJECTED.name
INPUT = "topic string, partition int, offset bigint, value binary"
BRONZE = ", ".join(f"{name} {type_}" for name, type_ in tables.BRONZE_COLUMNS.items())
EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
AT = 1_763_892_000_123_456

EVENT = AcceptedEvent(id="a1", source="shop", type="page.viewed", time=AT - 5_000_001, data='{"visitor_id":"v"}')
BATCH = AcceptedBatch("edge-1", "ab12-0", 7, AT, "m1", [EVENT])


def records(spark: SparkSession, values: Sequence[bytes | None], topic: str = EVENTS) -> DataFrame:
    rows = [(topic, 0, i, None if value is None else bytearray(value)) for i, value in enumerate(values)]
    return spark.createDataFrame(rows, INPUT)


def instant(micros: int) -> datetime:
    """What bronze keeps of an instant: milliseconds, cut."""
    return EPOCH_START + timedelta(milliseconds=micros // 1000)


def expected_rows(batch: AcceptedBatch, offset: int) -> list[tuple[Any, ...]]:
    """The bronze rows of a batch, built without Spark."""
    return [
        (
            instant(batch.accepted_at).date(),
            instant(batch.accepted_at),
            batch.edge,
            batch.segment,
            batch.first + i,
            batch.merchant_id,
            event.source,
            event.id,
            event.type,
            instant(event.time),
            event.subject,
            event.dataschema,
            None if event.extensions is None else msgspec.json.encode(event.extensions).decode(),
            event.replay_of,
            event.data,
            0,
            offset,
        )
        for i, event in enumerate(batch.events)
    ]


def refusals(spark: SparkSession, values: Sequence[bytes | None], topic: str = EVENTS) -> list[tuple[Any, Any]]:
    parsed = split.parse(records(spark, values, topic)).orderBy("offset")
    return [(row["refusal"], row["refusal_detail"]) for row in parsed.collect()]


def with_field(name: str, value: object, record: msgspec.Struct = BATCH) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(record) | {name: value})


def with_event_field(name: str, value: object) -> bytes:
    good = msgspec.to_builtins(EVENT)
    return with_field("events", [good, good | {name: value}])


def test_one_row_per_event_in_the_tables_columns(spark: SparkSession) -> None:
    odd = AcceptedEvent(
        id="ид \U0001f600",
        source='/a"b\\c\n',
        type="order.placed",
        time=0,
        data='{"note":"\\u0000 \\ud83d\\ude00 é"}',
        subject="",
        dataschema="urn:x",
        extensions={"traceparent": "00-x", "n": 5, "flag": True},
        replay_of="edge-2/cd34-1/99",
    )
    batch = AcceptedBatch("edge-1", "ab12-0", 7, AT, "m.1_-", [EVENT, odd])
    found = split.split_events(records(spark, [msgspec.json.encode(batch)]))
    assert_df_equality(found, spark.createDataFrame(expected_rows(batch, 0), BRONZE), ignore_nullable=True)


def test_a_batch_without_events_is_good_and_has_no_rows(spark: SparkSession) -> None:
    frame = records(spark, [with_field("events", [])])
    assert split.split_events(frame).count() == 0
    assert split.quarantine_rows(split.parse(frame), 1, 1, NOW).count() == 0


def test_large_data_comes_through_whole(spark: SparkSession) -> None:
    data = msgspec.json.encode({"text": "ä" * 2_000_000}).decode()
    batch = msgspec.structs.replace(BATCH, events=[msgspec.structs.replace(EVENT, data=data)] * 2)
    rows = split.split_events(records(spark, [msgspec.json.encode(batch)])).collect()
    assert [row["data"] for row in rows] == [data, data]


def test_unknown_fields_are_no_reason_to_refuse(spark: SparkSession) -> None:
    assert refusals(spark, [with_field("later", {"a": [1]}), with_event_field("later", 1)]) == [(None, None)] * 2


REFUSED: list[tuple[bytes | None, Refusal, str | None]] = [
    (None, Refusal.NO_VALUE, None),
    (b"", Refusal.NOT_A_RECORD, None),
    (b"  ", Refusal.NOT_A_RECORD, None),
    (b"\x00\x01\x02garbage", Refusal.NOT_A_RECORD, None),
    (b"null", Refusal.NOT_A_RECORD, None),
    (b"17", Refusal.NOT_A_RECORD, None),
    (b'"batch"', Refusal.NOT_A_RECORD, None),
    (b"[" + msgspec.json.encode(BATCH) + b"]", Refusal.NOT_A_RECORD, None),
    (msgspec.json.encode(BATCH)[:-1], Refusal.NOT_A_RECORD, None),
    (msgspec.json.encode(BATCH) + b"x", Refusal.NOT_A_RECORD, None),
    (msgspec.json.encode(BATCH) * 2, Refusal.NOT_A_RECORD, None),
    (msgspec.json.encode(BATCH) + b"," + msgspec.json.encode(BATCH), Refusal.NOT_A_RECORD, None),
    (b"\xff\xfe" + msgspec.json.encode(BATCH), Refusal.NOT_UTF8, None),
    (msgspec.json.encode(BATCH).replace(b"page", b"p\xe4ge"), Refusal.NOT_UTF8, None),
    (b"{}", Refusal.UNKNOWN_KIND, None),
    (with_field("kind", "batches"), Refusal.UNKNOWN_KIND, "batches"),
    (with_field("kind", None), Refusal.UNKNOWN_KIND, None),
    (with_field("first", "7"), Refusal.NOT_A_RECORD, None),
    (with_field("first", 7.5), Refusal.NOT_A_RECORD, None),
    (with_field("first", 10**30), Refusal.NOT_A_RECORD, None),
    (with_field("events", {}), Refusal.NOT_A_RECORD, None),
    (with_field("events", None), Refusal.MISSING_FIELD, "events"),
    (with_field("events", [None]), Refusal.MISSING_FIELD, "events[]"),
    (with_field("merchant_id", None), Refusal.MISSING_FIELD, "merchant_id"),
    (with_field("first", -1), Refusal.OUT_OF_RANGE, "first"),
    (with_field("accepted_at", -1), Refusal.OUT_OF_RANGE, "accepted_at"),
    (with_field("accepted_at", CLOSED_MARK + 1), Refusal.OUT_OF_RANGE, "accepted_at"),
    (with_event_field("time", "2026-11-23T10:00:00Z"), Refusal.NOT_A_RECORD, None),
    (with_event_field("time", CLOSED_MARK + 1), Refusal.OUT_OF_RANGE, "events[].time"),
    (with_event_field("id", None), Refusal.MISSING_FIELD, "events[].id"),
    (with_event_field("data", None), Refusal.MISSING_FIELD, "events[].data"),
    (msgspec.json.encode(Watermark("edge-1", "ab12", 3, AT)), Refusal.WRONG_TOPIC, "low_mark"),
    (with_field("mark", None, Watermark("edge-1", "ab12", 0, AT)), Refusal.MISSING_FIELD, "mark"),
    (msgspec.json.encode(Rejected("edge-1", AT, "m1", "x", "y", b"")), Refusal.WRONG_TOPIC, "rejected"),
]


def test_what_does_not_fit_is_refused_whole(spark: SparkSession) -> None:
    """Bad records between good ones: each is kept with its bytes and a reason, and the good ones are all there."""
    good = msgspec.json.encode(BATCH)
    parsed = split.parse(records(spark, [value for bad, _, _ in REFUSED for value in (bad, good)]))
    kept = split.quarantine_rows(parsed, 4, 9, NOW).orderBy("kafka_offset").collect()
    assert [(row["body"], row["reason"], row["detail"]) for row in kept] == REFUSED
    assert {(row["station"], row["epoch"], row["batch"], row["kafka_topic"]) for row in kept} == {
        ("streaming", 4, 9, EVENTS)
    }
    assert {row["quarantined_date"] for row in kept} == {NOW.date()}
    offsets = [row["kafka_offset"] for row in split.bronze_rows(parsed).orderBy("kafka_offset").collect()]
    assert offsets == list(range(1, 2 * len(REFUSED), 2))


def test_batches_have_no_business_on_the_topic_of_rejects(spark: SparkSession) -> None:
    assert refusals(spark, [msgspec.json.encode(BATCH)], REJECTED) == [(Refusal.WRONG_TOPIC, "batch")]


def test_the_edges_rejects_are_kept_with_their_body(spark: SparkSession) -> None:
    body = bytes(range(256))
    reject = Rejected("edge-1", AT, "m1", "missing_field", "data.currency", body, id="e9")
    frame = records(spark, [msgspec.json.encode(reject)], REJECTED)
    (row,) = split.quarantine_rows(split.parse(frame), 1, 2, NOW).collect()
    assert row["quarantined_at"].astimezone(UTC) == instant(AT)
    assert tuple(row)[2:] == (
        "edge",
        "m1",
        "missing_field",
        "data.currency",
        "e9",
        bytearray(body),
        "edge-1",
        1,
        2,
        REJECTED,
        0,
        0,
    )


def test_the_summary_counts_every_record_once(spark: SparkSession) -> None:
    marks = [
        Watermark("edge-1", "ab12", 0, AT),
        Watermark("edge-1", "ab12", 0, AT + 9),
        Watermark("e2", "cd", 0, CLOSED_MARK),
    ]
    values = [msgspec.json.encode(record) for record in (BATCH, marks[0], BATCH, marks[1], marks[2])]
    summary = summarize(split.summary(split.parse(records(spark, [*values, b"bad"]))).collect())
    assert (summary.rows, summary.quarantined) == (2, 1)
    assert [(m.edge, m.incarnation, m.marks) for m in summary.marks] == [
        ("e2", "cd", {0: CLOSED_MARK}),
        ("edge-1", "ab12", {0: AT + 9}),
    ]
    assert {place: (r.start, r.end) for place, r in summary.read.items()} == {(EVENTS, 0): (0, 6)}


def test_instants_are_cut_and_never_rounded_into_the_next_hour(spark: SparkSession) -> None:
    last = 1_763_892_000_000_000 - 1  # 09:59:59.999999
    event = msgspec.structs.replace(EVENT, time=last)
    batch = msgspec.structs.replace(BATCH, accepted_at=last, events=[event])
    rows = split.split_events(records(spark, [msgspec.json.encode(batch)]))
    (row,) = rows.selectExpr("string(time)", "string(accepted_at)").collect()
    assert tuple(row) == ("2025-11-23 09:59:59.999", "2025-11-23 09:59:59.999")


def test_raw_lines_need_no_partition_and_no_offset(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(EVENTS, None, None, bytearray(msgspec.json.encode(BATCH)))], INPUT)
    (row,) = split.split_events(frame).collect()
    assert (row["seq"], row["kafka_partition"], row["kafka_offset"]) == (7, None, None)


def test_partial_results_are_not_accepted(spark: SparkSession) -> None:
    spark.conf.set(split.PARTIAL_RESULTS, "true")
    try:
        with pytest.raises(ValueError, match="must be false"):
            split.parse(records(spark, []))
    finally:
        spark.conf.set(split.PARTIAL_RESULTS, "false")


def comparable(row: Row) -> dict[str, Any]:
    """A row whose extensions are an object: Spark writes them as JSON anew, with escapes of its own."""
    values: dict[str, Any] = row.asDict()
    return values | {"extensions": values["extensions"] and msgspec.json.decode(values["extensions"])}


# each example is a few Spark jobs, which cost the same for a hundred records as for one: so examples are few and large,
# and shrinking a failure would take longer than reading it
QUICK = settings(max_examples=5, phases=[Phase.explicit, Phase.reuse, Phase.generate])

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
MICROS = st.integers(0, 253_370_764_799_999_999)  # Python's own datetimes end with the year 9999, in any zone
EXTENSIONS = st.dictionaries(
    st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), TEXT | st.integers(-(2**31), 2**31) | st.booleans()
)
EVENT_STRATEGY = st.builds(
    AcceptedEvent,
    id=TEXT,
    source=TEXT,
    type=TEXT,
    time=MICROS,
    data=TEXT,
    subject=st.none() | TEXT,
    dataschema=st.none() | TEXT,
    extensions=st.none() | EXTENSIONS,
    replay_of=st.none() | TEXT,
)
BATCH_STRATEGY = st.builds(
    AcceptedBatch,
    edge=TEXT,
    segment=TEXT,
    first=st.integers(0, 2**62),
    accepted_at=MICROS,
    merchant_id=TEXT,
    events=st.lists(EVENT_STRATEGY, max_size=4),
)


@QUICK
@given(st.lists(BATCH_STRATEGY, min_size=8, max_size=14))
def test_whatever_the_edge_can_encode_becomes_the_same_rows(spark: SparkSession, batches: list[AcceptedBatch]) -> None:
    frame = records(spark, [msgspec.json.encode(batch) for batch in batches])
    found = split.split_events(frame).orderBy("kafka_offset", "seq").collect()
    wanted = [row for offset, batch in enumerate(batches) for row in expected_rows(batch, offset)]
    assert [comparable(row) for row in found] == [
        comparable(row) for row in spark.createDataFrame(wanted, BRONZE).collect()
    ]


@QUICK
@given(st.lists(st.binary(max_size=60) | st.none(), min_size=60, max_size=100))
def test_any_bytes_end_as_rows_or_in_quarantine(spark: SparkSession, values: list[bytes | None]) -> None:
    parsed = split.parse(records(spark, values))
    summary = summarize(split.summary(parsed).collect())
    kept = split.quarantine_rows(parsed, 1, 1, NOW).collect()
    lines = [
        (offset, line)
        for offset, value in enumerate(values)
        for line in ([None] if value is None else value.split(b"\n"))
    ]
    assert summary.quarantined == len(kept) == len(lines)
    assert Counter((row["kafka_offset"], row["body"] and bytes(row["body"])) for row in kept) == Counter(
        (offset, line) for offset, line in lines
    )
