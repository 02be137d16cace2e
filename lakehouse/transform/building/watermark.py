"""What the consumed bronze commits prove: up to which instant everything has arrived.

In: what the commits state: offsets, and the edges' watermarks (``contracts.records.Watermark``: one incarnation, one
partition). Out: their union, and ``complete_through``, the watermark of the whole line. Pure.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from lakehouse.contracts.commit_info import BronzeCommit, EdgeWatermarks, PartitionRange
from lakehouse.contracts.records import CLOSED_MARK
from lakehouse.contracts.topics import EVENTS
from lakehouse.instants import to_micros

STEP = timedelta(minutes=15)
_MICROSECOND = timedelta(microseconds=1)

Offsets = dict[str, dict[int, PartitionRange]]


def fold_marks(marks: Iterable[EdgeWatermarks], commits: Iterable[BronzeCommit]) -> list[EdgeWatermarks]:
    """The newest mark of every incarnation on every partition.

    An incarnation that is closed on all partitions is dropped: it holds nothing back any more.
    """
    newest: dict[tuple[str, str], dict[int, int]] = {(m.edge, m.incarnation): dict(m.marks) for m in marks}
    for commit in commits:
        for mark in commit.marks:
            known = newest.setdefault((mark.edge, mark.incarnation), {})
            for partition, instant in mark.marks.items():
                known[partition] = max(instant, known.get(partition, instant))
    return [
        EdgeWatermarks(edge, incarnation, known)
        for (edge, incarnation), known in sorted(newest.items())
        if len(known) < EVENTS.partitions or min(known.values()) < CLOSED_MARK
    ]


def fold_offsets(offsets: Offsets, commits: Iterable[BronzeCommit]) -> Offsets:
    """The newest range of every partition."""
    newest = {topic: dict(partitions) for topic, partitions in offsets.items()}
    for commit in commits:
        for topic, partitions in commit.offsets.items():
            newest.setdefault(topic, {}).update(partitions)
    return newest


def reaches(ours: Offsets, theirs: Offsets) -> bool:
    """Whether ours has consumed all that theirs has, on every partition."""
    return all(
        (found := ours.get(topic, {}).get(number)) is not None and found.end >= consumed.end
        for topic, partitions in theirs.items()
        for number, consumed in partitions.items()
    )


def complete_through(
    marks: Iterable[EdgeWatermarks], now: datetime, grace: timedelta, silent_after: timedelta, before: int | None
) -> int | None:
    """The instant (microseconds) before which no accepted event is missing, floored to a quarter of an hour.

    ``now`` is the stamp of the newest consumed commit, so that the answer is a function of bronze. An edge whose mark
    is older than ``silent_after`` is left out; what it delivers later is a restatement. A mark from the future counts
    as one of ``now``: a clock that is wrong makes no hour final before its time. Never goes back behind ``before``.
    """
    oldest = to_micros(now - silent_after)
    heard = [mark.least for mark in marks if mark.least >= oldest]
    if not heard:
        return before
    reached = min(*heard, to_micros(now)) - grace // _MICROSECOND
    floored = reached - reached % (STEP // _MICROSECOND)
    return floored if before is None else max(before, floored)
