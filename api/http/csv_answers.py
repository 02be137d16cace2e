"""Answers as CSV (RFC 4180: CRLF, a header line, quotes where they are needed; UTF-8).

One line for each series and bucket. ``final`` is true where the bucket can change only by a recorded restatement, an
empty ``value`` is a JSON null. ``release`` and ``known_at`` repeat the receipt, so that a line explains itself wherever
it is copied to: ask again with as_known_at = known_at for the same bytes.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import UNSET
from msgspec.structs import astuple

from api.schemas import MetricsAnswer, RestatementsAnswer, RevisionsAnswer

METRICS_COLUMNS = (
    "merchant_id",
    "metric",
    "unit",
    "currency",
    "exponent",
    "start",
    "value",
    "final",
    "release",
    "known_at",
)
PREVIOUS_COLUMN = "previous_value"
"""Last, and only with ``compare``."""
REVISIONS_COLUMNS = ("merchant_id", "metric", "currency", "start", "value", "release", "released_at", "reason")
RESTATEMENTS_COLUMNS = (
    "merchant_id",
    "release",
    "released_at",
    "reason",
    "metric",
    "unit",
    "currency",
    "exponent",
    "grain",
    "start",
    "hours",
    "old_value",
    "new_value",
    "change",
)


def metrics_csv(answer: MetricsAnswer) -> bytes:
    compared = any(series.previous is not UNSET for series in answer.series)
    columns = (*METRICS_COLUMNS, PREVIOUS_COLUMN) if compared else METRICS_COLUMNS
    return _write(columns, _metrics_lines(answer))


def revisions_csv(answer: RevisionsAnswer) -> bytes:
    head = (answer.merchant_id, answer.metric, answer.currency, answer.begin)
    lines = ((*head, one.value, one.release, one.released_at, one.reason) for one in answer.revisions)
    return _write(REVISIONS_COLUMNS, lines)


def restatements_csv(answer: RestatementsAnswer) -> bytes:
    lines = ((answer.merchant_id, *astuple(one)) for one in answer.restatements)
    return _write(RESTATEMENTS_COLUMNS, lines)


def _metrics_lines(answer: MetricsAnswer) -> Iterator[tuple[Any, ...]]:
    tail = (answer.receipt.release, answer.receipt.known_at)
    for series in answer.series:
        head = (answer.merchant_id, series.metric, series.unit, series.currency, series.exponent)
        previous = None if series.previous is UNSET else series.previous.values
        for place, (start, value) in enumerate(zip(answer.starts, series.values, strict=True)):
            final = "true" if place < answer.final_buckets else "false"
            last = () if previous is None else (_number(previous[place]),)
            yield (*head, start, _number(value), final, *tail, *last)


def _number(value: Any) -> Any:
    """Never in exponent form: a small ratio is 0.000001."""
    return f"{value:.6f}" if isinstance(value, float) else value


def _write(columns: Iterable[str], lines: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(lines)
    return text.getvalue().encode()
