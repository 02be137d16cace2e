"""Whether the raw files have all that a new generation of bronze is to hold, before hours are spent on it.

In: the gaps that edges and operators have named, raw files' manifests, Kafka. Out: a refusal that names how many events
would be missing. Promise: what it costs follows the gaps: without any, neither a manifest nor a record is read.
"""

from lakehouse.errors import RefusedError
from lakehouse.ledger import raw_gaps
from lakehouse.ledger.model import show_hour
from lakehouse.ledger.raw_gaps import FILL_BY, first_hour, less, not_in_raw, unfilled
from lakehouse.ledger.read_kafka import read_kafka
from lakehouse.transform.building.builder import Builder


def refuse_raw_gaps(builder: Builder) -> None:
    """What is still in Kafka is read from there, and is no reason."""
    gaps = not_in_raw(builder.files, builder.layout, unfilled(builder.files, builder.layout))
    if gaps:
        gaps = less(gaps, read_kafka(builder.settings.kafka_bootstrap, first_hour(gaps)).runs)
    if gaps:
        raise RefusedError(
            f"{raw_gaps.size(gaps):,} events, the first accepted in {show_hour(first_hour(gaps))}, are in no raw file "
            f"and no more in Kafka: bronze would be made without them. {FILL_BY}"
        )
