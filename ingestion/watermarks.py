"""Which watermarks an edge may publish now.

In: the incarnations of a folder, and whether the clock that stamps their batches can be believed. Out: a mark for each
that may have one. Promise: a mark covers only what Kafka has acknowledged, no later run stamps a batch before it, and
none is made by a clock that is wrong or has not been compared: a mark from the future would make hours final that are
still coming in.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ingestion.clock import Clock
from ingestion.incarnation import Incarnation
from lakehouse.contracts.records import CLOSED_MARK


class Mark(NamedTuple):
    """``closes`` says that it is the last of its incarnation."""

    incarnation: Incarnation
    instant: int
    closes: bool


def due(incarnations: Iterable[Incarnation], clock: Clock, clock_trusted: bool) -> list[Mark]:
    """The marks, in order. What is promised to others is kept by the clock before it is said."""
    marks: list[Mark] = []
    for incarnation in incarnations:
        if incarnation.owes_watermarks:
            marks.append(Mark(incarnation, CLOSED_MARK, closes=True))
        elif not incarnation.ended and clock_trusted:
            instant = incarnation.log.watermark(incarnation.accepted_outbox.delivered)
            clock.keep(instant)
            marks.append(Mark(incarnation, instant, closes=False))
    return marks
