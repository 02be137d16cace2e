"""Kafka records into their lines. Pure.

In: records with the columns ``topic``, ``partition``, ``offset``, ``value``, of one line or of many (a *frame*, see
``contracts/records.py``). Out: the same columns, a row for each line. Promise: no byte is changed and none is left out
but the newlines in between, whatever the value holds; no value, or an empty one, is one line. Lines come out of it as
they went in.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

_ANY_BYTES = "ISO-8859-1"
"""Each byte is a character of it, and back."""


def lines(records: DataFrame) -> DataFrame:
    """Splits each value at its newlines.

    Spark splits text only, by way of Java's, which replaces what is no UTF-8. Such a value takes a longer way.
    """
    text = f.col("value").cast("string")
    judged = records.withColumn("_utf8", f.is_valid_utf8(text))
    text = f.when(f.col("_utf8"), text).otherwise(f.decode("value", _ANY_BYTES))
    split = judged.withColumn("_lines", f.split(text, "\n")).drop("value")
    each = split.select("topic", "partition", "offset", "_utf8", f.explode_outer("_lines").alias("_line"))
    line = f.col("_line")
    value = f.when(f.col("_utf8"), line.cast("binary")).otherwise(f.encode(line, _ANY_BYTES))
    return each.select("topic", "partition", "offset", value.alias("value"))
