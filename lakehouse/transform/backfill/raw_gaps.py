"""Whether the raw files have all that a new generation of bronze is to hold, before hours are spent on it.

In: the gaps that edges and operators have named, raw files' manifests, Kafka. Out: a refusal that names how many events
would be missing. Promise: what it costs follows the gaps: without any, neither a manifest nor a record is read.
"""

from collections.abc import Iterable

from lakehouse.errors import RefusedError
from lakehouse.ledger import raw_gaps, read_edges, read_tables, spans
from lakehouse.ledger.accepted import by_stream
from lakehouse.ledger.gather import LONGEST_SEGMENT
from lakehouse.ledger.model import Run, show_hour
from lakehouse.ledger.raw_gaps import FILL_BY, Gaps, unfilled
from lakehouse.ledger.read_kafka import read_kafka
from lakehouse.transform.building.builder import Builder


def refuse_raw_gaps(builder: Builder) -> None:
    """What is still in Kafka is read from there, and is no reason."""
    gaps = unfilled(builder.files, builder.layout)
    if not gaps:
        return
    since = min(one.hour for booked in gaps.values() for one in booked)
    day = read_tables.day_of(max(0, since - LONGEST_SEGMENT))
    gaps = _without(gaps, read_edges.raw_runs(read_edges.read_manifests(builder.files, builder.layout, day)))
    if gaps:
        gaps = _without(gaps, read_kafka(builder.settings.kafka_bootstrap, since).runs)
    if gaps:
        first = min(one.hour for booked in gaps.values() for one in booked)
        raise RefusedError(
            f"{raw_gaps.size(gaps):,} events, the first accepted in {show_hour(first)}, are in no raw file and no more "
            f"in Kafka: bronze would be made without them. {FILL_BY}"
        )


def _without(gaps: Gaps, runs: Iterable[Run]) -> Gaps:
    held = by_stream(runs)
    left = {
        stream: raw_gaps.without(booked, spans.merge(run.span for run in held.get(stream, ())))
        for stream, booked in gaps.items()
    }
    return {stream: booked for stream, booked in left.items() if booked}
