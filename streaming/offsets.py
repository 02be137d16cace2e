"""Where to read from: a pure function of bronze's last commit and of what Kafka still has.

In: the ends of the last bronze commit, and the bounds of every partition. Out: start offsets for every partition.
Promise: an offset is never skipped. What Kafka no longer has is an error that says what to do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lakehouse.contracts.commit_info import BronzeCommit, PartitionRange
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.errors import LakehouseError

Offsets = dict[str, dict[int, int]]
"""Topic to partition to the next offset to read."""


class OffsetsLostError(LakehouseError):
    """Kafka does not have the offsets that bronze needs next."""


class StrandedError(LakehouseError):
    """Some generations cannot go on. ``reasons`` says for each what Kafka does not have."""

    def __init__(self, reasons: Mapping[GenerationNumber, str]) -> None:
        super().__init__("; ".join(f"generation {number}: {reason}" for number, reason in sorted(reasons.items())))
        self.reasons = reasons


@dataclass(frozen=True)
class Bounds:
    """What a partition has: ``earliest`` included, ``latest`` not."""

    earliest: int
    latest: int


def ends_of(commit: BronzeCommit | None) -> Offsets:
    """Where a commit stopped reading. Every commit names all partitions, so the last one is enough."""
    if commit is None:
        return {}
    return {
        topic: {partition: range_.end for partition, range_ in partitions.items()}
        for topic, partitions in commit.offsets.items()
    }


def start_offsets(consumed: Offsets, bounds: Mapping[str, Mapping[int, Bounds]]) -> Offsets:
    """Each partition's next offset: where bronze stopped, or for a partition that is new to it, the earliest."""
    lost = _lost(consumed, bounds)
    if lost:
        raise OffsetsLostError(
            "Kafka does not have what bronze needs next: " + "; ".join(lost) + ". Nothing was written. "
            "The events are in the raw files: rebuild bronze with `lakehouse reprocess --from raw`."
        )
    return {
        topic: {p: consumed.get(topic, {}).get(p, bound.earliest) for p, bound in partitions.items()}
        for topic, partitions in bounds.items()
    }


def starts_of(
    consumed: Mapping[GenerationNumber, Offsets], bounds: Mapping[str, Mapping[int, Bounds]]
) -> dict[GenerationNumber, Offsets]:
    """The start offsets of each generation; raises StrandedError for those that have none."""
    found, reasons = {}, {}
    for generation, offsets in consumed.items():
        try:
            found[generation] = start_offsets(offsets, bounds)
        except OffsetsLostError as error:
            reasons[generation] = str(error)
    if reasons:
        raise StrandedError(reasons)
    return found


def earliest(starts: Iterable[Offsets]) -> Offsets:
    """Where to read from for all who start there, each of whom names the same partitions."""
    found: Offsets = {}
    for start in starts:
        for topic, partitions in start.items():
            known = found.setdefault(topic, {})
            for partition, offset in partitions.items():
                known[partition] = min(offset, known.get(partition, offset))
    return found


def advance(consumed: Offsets, read: Mapping[tuple[str, int], PartitionRange]) -> dict[str, dict[int, PartitionRange]]:
    """The ranges of the next commit: all partitions, each from where bronze stopped. An idle one keeps its end."""
    ranges = {
        topic: {partition: PartitionRange(end, end) for partition, end in partitions.items()}
        for topic, partitions in consumed.items()
    }
    for (topic, partition), found in read.items():
        start = consumed.get(topic, {}).get(partition, found.start)
        if found.start < start:
            raise OffsetsLostError(
                f"Kafka handed out {topic}[{partition}] {found.start} again, and bronze has read up to {start}. "
                "Nothing was written; restart streaming (it reads its offsets from bronze)."
            )
        ranges.setdefault(topic, {})[partition] = PartitionRange(start, found.end)
    return ranges


def _lost(consumed: Offsets, bounds: Mapping[str, Mapping[int, Bounds]]) -> list[str]:
    found = []
    for topic, partitions in consumed.items():
        for partition, offset in partitions.items():
            bound = bounds.get(topic, {}).get(partition)
            if bound is None:
                found.append(f"{topic}[{partition}] is gone (bronze has read up to {offset})")
            elif offset < bound.earliest:
                found.append(f"{topic}[{partition}] begins at {bound.earliest}, {offset} is needed (aged out)")
            elif offset > bound.latest:
                found.append(f"{topic}[{partition}] ends at {bound.latest}, before {offset} (topic made anew)")
    return found
