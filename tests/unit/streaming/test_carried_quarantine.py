"""Quarantine that Kafka no longer has goes over to a new generation: each bad line once, however many a record had."""

from collections import Counter
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.contracts.commit_info import PartitionRange
from streaming.carried_quarantine import carried_quarantine

COLUMNS = "body string, kafka_topic string, kafka_partition int, kafka_offset bigint, epoch bigint, batch bigint"


def test_each_line_is_carried_once_though_its_record_was_read_again(spark: SparkSession, tmp_path: Path) -> None:
    url = f"file:{tmp_path}/quarantine"
    frame, retained = ("events", 0, 3), ("events", 0, 9)
    written = [("same", *frame), ("same", *frame), ("other", *frame), ("elsewhere", "rejected", 0, 3)]
    for epoch, batch in ((1, 7), (2, 0)):  # the first time, bronze came to lack the batch
        rows = [(*row, epoch, batch) for row in [*written, ("kafka has it", *retained)]]
        spark.createDataFrame(rows, COLUMNS).coalesce(1).write.format("delta").mode("append").save(url)
    ranges = {("events", 0): PartitionRange(9, 12), ("rejected", 0): PartitionRange(4, 4)}
    carried = carried_quarantine(spark, url, ranges)
    assert carried is not None
    assert carried.columns == [column.split()[0] for column in COLUMNS.split(", ")]
    assert Counter(row["body"] for row in carried.collect()) == Counter(row[0] for row in written)


def test_nothing_is_carried_while_kafka_has_all(spark: SparkSession, tmp_path: Path) -> None:
    ranges = {("events", 0): PartitionRange(0, 12)}
    assert carried_quarantine(spark, f"file:{tmp_path}/none", ranges) is None
