"""The stage ``kafka``: which positions the topic's records hold.

In: the records that Kafka retains, and for what has aged out the bronze rows that name an older offset. Out: runs.
Only the head of a batch is decoded; its events are counted, not read.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from lakehouse.clients.kafka_scan import Record, scan
from lakehouse.contracts.records import lines_of
from lakehouse.contracts.topics import EVENTS
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Run, hour_of


class _BatchHead(msgspec.Struct, tag="batch", tag_field="kind"):
    edge: str
    segment: str
    first: int
    accepted_at: int
    events: list[msgspec.Raw]


class _Other(msgspec.Struct, tag="low_mark", tag_field="kind"):
    """A watermark holds no position."""


_heads = msgspec.json.Decoder(_BatchHead | _Other)


@dataclass(frozen=True)
class KafkaRuns:
    """``earliest`` is the first retained offset of each partition; ``runs`` are the positions that were read."""

    runs: tuple[Run, ...]
    earliest: Mapping[int, int]


def read_kafka(bootstrap: str, since: int) -> KafkaRuns:
    """Scans the events topic; all that was accepted in the hour ``since`` or later is among the runs."""
    with scan(bootstrap, EVENTS.name) as topic:
        # A record is stamped when it is sent, which is after its events were accepted.
        runs = tuple(runs_of(topic.records(since * MICROSECONDS_PER_HOUR // 1000)))
        return KafkaRuns(runs, {number: bounds.start for number, bounds in topic.bounds.items()})


def runs_of(records: Iterable[Record]) -> Iterator[Run]:
    """One run a batch, neighbours joined. What is no batch of ours holds no position and is passed over."""
    open_runs: dict[tuple[str, str, int], Run] = {}
    for run in (_run_of(line) for record in records for line in lines_of(record.value)):
        if run is None:
            continue
        key = (run.edge, run.segment, run.hour)
        before = open_runs.get(key)
        if before is not None and before.last + 1 == run.first:
            run = before._replace(last=run.last)
        elif before is not None:
            yield before
        open_runs[key] = run
    yield from open_runs.values()


def _run_of(line: bytes) -> Run | None:
    try:
        batch = _heads.decode(line)
    except msgspec.DecodeError:
        return None
    if isinstance(batch, _Other) or not batch.events:
        return None
    last = batch.first + len(batch.events) - 1
    return Run(batch.edge, batch.segment, batch.first, last, hour_of(batch.accepted_at))
