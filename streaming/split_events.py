"""Records into rows: pure functions from DataFrame to DataFrame.

In: records with the columns ``topic``, ``partition``, ``offset``, ``value`` (lines that the edge wrote; those of raw
files have the same bytes, topic ``events``, and no partition and offset). Out: bronze rows, one an event, each
with its position; quarantine rows; and a summary of the batch. Promise: every line becomes rows, a watermark or
quarantine. No line is dropped, and none is taken in part: a line with one bad event is quarantined whole, with its
bytes, and its neighbours in the record are taken.

The edge is the only writer that is meant to be here, and what it writes always fits. From another writer, a number
where text is expected is read as its text; anything else that does not fit is refused.
"""

from datetime import datetime
from enum import StrEnum

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql import types as t

from lakehouse.contracts import tables, topics
from lakehouse.contracts.records import CLOSED_MARK
from streaming.frames import lines
from streaming.known_batches import NOTHING, Known
from streaming.record_schema import KIND, KINDS, record_schema, required, required_of_event

RECORD, REFUSAL, DETAIL, KNOWN = "record", "refusal", "refusal_detail", "known"
BATCH, LOW_MARK, REJECTED = KINDS
PARTIAL_RESULTS = "spark.sql.json.enablePartialResults"
ALLOWED = {topics.EVENTS.name: (BATCH, LOW_MARK), topics.REJECTED.name: (REJECTED,)}


class Refusal(StrEnum):
    """Why the streaming stage put a line into quarantine."""

    NO_VALUE = "no_value"
    NOT_UTF8 = "not_utf8"
    NOT_A_RECORD = "not_a_record"
    """Not JSON, not an object, or a field of the wrong type."""
    UNKNOWN_KIND = "unknown_kind"
    WRONG_TOPIC = "wrong_topic"
    """A kind that has no business on its topic, or a watermark on a partition that is not its own."""
    MISSING_FIELD = "missing_field"
    OUT_OF_RANGE = "out_of_range"


class Stage(StrEnum):
    """Who put a row into quarantine: the column ``station``."""

    EDGE = "edge"
    STREAMING = "streaming"


def parse(records: DataFrame, known: Known = NOTHING) -> DataFrame:
    """A row for each line of the records: adds the parsed ``record``, ``refusal`` (why it is refused; null if good) and
    ``refusal_detail``.

    Adds ``known`` too: bronze has the batch from a raw file, and it makes no row again.
    """
    _refuse_partial_results(records)
    each = lines(records)
    # read as an array of one: a struct alone would be taken from the front of the text, whatever follows it
    text = f.concat(f.lit("["), f.col("value").cast("string"), f.lit("]"))
    array = f.from_json(text, t.ArrayType(record_schema()), {"mode": "PERMISSIVE"})
    parsed = each.withColumn("_array", array)
    parsed = parsed.withColumn(RECORD, f.when(f.size("_array") == 1, f.get("_array", f.lit(0)))).drop("_array")
    judged = parsed.withColumn(REFUSAL, _refusal())
    judged = judged.withColumn(DETAIL, f.when(f.col(REFUSAL).isNotNull(), _detail()))
    return judged.withColumn(KNOWN, known.is_known(_field("segment"), _field("first")))


def bronze_rows(parsed: DataFrame) -> DataFrame:
    """One row per event of the good batches, with exactly the columns of the bronze table."""
    good = f.when(f.col(REFUSAL).isNull() & (_field(KIND) == BATCH) & ~f.col(KNOWN), _field("events"))
    events = parsed.select("*", f.posexplode(good).alias("index", "event"))
    accepted_at = _instant(_field("accepted_at"))
    columns = {
        tables.BRONZE_PARTITION: f.to_date(accepted_at),
        "accepted_at": accepted_at,
        "edge": _field("edge"),
        "segment": _field("segment"),
        "seq": _field("first") + f.col("index"),
        "merchant_id": _field("merchant_id"),
        "time": _instant(f.col("event.time")),
        "kafka_partition": f.col("partition"),
        "kafka_offset": f.col("offset"),
    }
    return _as_table(events, tables.BRONZE_COLUMNS, columns, otherwise="event")


def split_events(records: DataFrame) -> DataFrame:
    """Bronze rows straight from records: :func:`parse`, then :func:`bronze_rows`."""
    return bronze_rows(parse(records))


def quarantine_rows(parsed: DataFrame, epoch: int, batch: int, at: datetime) -> DataFrame:
    """What the edge rejected (its body), and what this stage refuses (the line's bytes)."""
    refused = f.col(REFUSAL).isNotNull()
    stage = f.when(refused, Stage.STREAMING.value).otherwise(Stage.EDGE.value)
    instant = f.when(refused, f.lit(at.replace(microsecond=at.microsecond // 1000 * 1000))).otherwise(
        _instant(_field("rejected_at"))
    )
    columns = {
        tables.QUARANTINE_PARTITION: f.to_date(instant),
        "quarantined_at": instant,
        "station": stage,
        "reason": f.when(refused, f.col(REFUSAL)).otherwise(_field("reason")),
        "detail": f.when(refused, f.col(DETAIL)).otherwise(_field("detail")),
        "body": f.when(refused, f.col("value")).otherwise(_field("body")),
        "epoch": f.lit(epoch),
        "batch": f.lit(batch),
        "kafka_topic": f.col("topic"),
        "kafka_partition": f.col("partition"),
        "kafka_offset": f.col("offset"),
    }
    chosen = parsed.where(refused | (_field(KIND) == REJECTED))
    return _as_table(chosen, tables.QUARANTINE_COLUMNS, columns, otherwise=RECORD)


def summary(parsed: DataFrame) -> DataFrame:
    """The batch in a few rows, by topic, partition and (for watermarks) incarnation.

    Columns: ``topic``, ``partition``, ``edge``, ``incarnation``, ``first`` and ``last`` (offsets), ``mark``
    (newest), ``rows`` (of bronze), ``quarantined``.
    """
    good, kind = f.col(REFUSAL).isNull(), _field(KIND)
    marks = good & (kind == LOW_MARK)
    return parsed.groupBy(
        "topic",
        "partition",
        f.when(marks, _field("edge")).alias("edge"),
        f.when(marks, _field("incarnation")).alias("incarnation"),
    ).agg(
        f.min("offset").alias("first"),
        f.max("offset").alias("last"),
        f.max(f.when(marks, _field("mark"))).alias("mark"),
        f.sum(f.when(good & (kind == BATCH) & ~f.col(KNOWN), f.size(_field("events"))).otherwise(0)).alias("rows"),
        f.sum(f.when(good & (kind != REJECTED), 0).otherwise(1)).alias("quarantined"),
    )


def _refuse_partial_results(records: DataFrame) -> None:
    if records.sparkSession.conf.get(PARTIAL_RESULTS) != "false":
        raise ValueError(f"{PARTIAL_RESULTS} must be false: a record that half fits would pass as a good one")


def _refusal() -> Column:
    """The first thing that is wrong, or null. The order matters: later checks rest on earlier ones."""
    checks = {
        Refusal.NO_VALUE: f.col("value").isNull(),
        Refusal.NOT_UTF8: ~f.is_valid_utf8(f.col("value").cast("string")),
        Refusal.NOT_A_RECORD: f.col(RECORD).isNull(),
        Refusal.UNKNOWN_KIND: ~f.coalesce(_field(KIND).isin(*KINDS), f.lit(False)),
        Refusal.WRONG_TOPIC: ~_belongs_here(),
        Refusal.MISSING_FIELD: _any([_incomplete(kind) for kind in KINDS]),
        Refusal.OUT_OF_RANGE: _any(list(_out_of_range().values())),
    }
    return f.coalesce(*[f.when(wrong, reason.value) for reason, wrong in checks.items()])


def _detail() -> Column:
    """Which field, for the operator who reads the quarantine."""
    missing = [f.when(_missing(name, kind), name) for kind in KINDS for name in _fields(kind)]
    outside = [f.when(wrong, name) for name, wrong in _out_of_range().items()]
    return (
        f.when(f.col(REFUSAL) == Refusal.MISSING_FIELD.value, f.coalesce(*missing))
        .when(f.col(REFUSAL) == Refusal.OUT_OF_RANGE.value, f.coalesce(*outside))
        .when(f.col(REFUSAL).isin(Refusal.UNKNOWN_KIND.value, Refusal.WRONG_TOPIC.value), _field(KIND))
    )


def _belongs_here() -> Column:
    """A mark delivered on another partition than its own would promise what nobody has promised."""
    by_topic = [(f.col("topic") == topic) & _field(KIND).isin(*kinds) for topic, kinds in ALLOWED.items()]
    own_partition = _field("partition").eqNullSafe(f.col("partition").cast("bigint"))
    return f.coalesce(_any(by_topic), f.lit(False)) & ((_field(KIND) != LOW_MARK) | own_partition)


def _fields(kind: str) -> list[str]:
    """The required fields of a kind; those of its events are spelled ``events[].name``."""
    names = required(KINDS[kind])
    return [*names, "events[]", *[f"events[].{name}" for name in required_of_event()]] if kind == BATCH else names


def _incomplete(kind: str) -> Column:
    """Whether anything required is missing; one pass over the events."""
    missing = _any([_field(name).isNull() for name in required(KINDS[kind])])
    if kind == BATCH:
        names = required_of_event()
        missing |= f.exists(_field("events"), lambda event: _any([event[name].isNull() for name in names]))
    return (_field(KIND) == kind) & missing


def _missing(name: str, kind: str) -> Column:
    return (_field(KIND) == kind) & _is_null(name)


def _is_null(name: str) -> Column:
    if not name.startswith("events[]"):
        return _field(name).isNull()
    inner = name.removeprefix("events[]").removeprefix(".")
    return f.exists(_field("events"), lambda event: (event[inner] if inner else event).isNull())


def _out_of_range() -> dict[str, Column]:
    """Instants outside the years 1970 to 9999, which readers cannot show, and sequences below 0."""
    checks = {name: ~_field(name).between(0, CLOSED_MARK) for name in ("accepted_at", "rejected_at", "mark")}
    checks["first"] = _field("first") < 0
    checks["events[].time"] = f.exists(_field("events"), lambda event: ~event["time"].between(0, CLOSED_MARK))
    return checks


def _any(conditions: list[Column]) -> Column:
    result = f.lit(False)
    for condition in conditions:
        result = result | condition
    return result


def _field(name: str) -> Column:
    return f.col(f"{RECORD}.{name}")


def _instant(micros: Column) -> Column:
    """A timestamp cut to the millisecond.

    Trino has milliseconds for Delta's timestamps and rounds what is finer: 09:59:59.9999 would be read as 10:00,
    another hour than the one that it belongs to, and maybe another day than its partition.
    """
    return f.timestamp_micros(micros - micros % 1000)


def _as_table(rows: DataFrame, types: dict[str, str], columns: dict[str, Column], otherwise: str) -> DataFrame:
    """A table's columns in its order and types; those not named are fields of the struct ``otherwise``."""
    return rows.select(
        *[columns.get(name, f.col(f"{otherwise}.{name}")).cast(type_).alias(name) for name, type_ in types.items()]
    )
