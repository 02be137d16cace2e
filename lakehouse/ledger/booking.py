"""What is missing of an incarnation that will deliver nothing more. Pure.

In: :class:`Evidence` and an incarnation. Out: the positions that no stage has seen, by hour of acceptance, and those
that only raw files lack. Promise: a position that any stage has seen is never among the lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lakehouse.contracts.records import Booked
from lakehouse.ledger import spans
from lakehouse.ledger.accepted import accepted_hours
from lakehouse.ledger.model import COUNTED, Evidence, Run, Stage, Stream, show_hour
from lakehouse.ledger.spans import Spans


@dataclass(frozen=True)
class Booking:
    """``accepted`` counts the positions that are known to have been accepted. ``lost`` are at no stage; ``raw_gaps``
    are at another one than raw; ``only_raw`` are in raw files alone, and nothing is booked for them."""

    accepted: int
    lost: list[Booked]
    raw_gaps: list[Booked]
    only_raw: list[Booked]

    def hours(self) -> list[dict[str, Any]]:
        """A row for each hour of which something is missing."""
        columns = {"lost": self.lost, "raw_gaps": self.raw_gaps, "only_raw": self.only_raw}
        found = sorted({one.hour for booked in columns.values() for one in booked})
        return [
            {"hour": show_hour(hour)}
            | {name: count(one for one in booked if one.hour == hour) for name, booked in columns.items()}
            for hour in found
        ]


def count(booked: Iterable[Booked]) -> int:
    return spans.size([one.span for one in booked])


def booking(evidence: Evidence, stream: Stream) -> Booking:
    """What has not been booked before."""
    hours = accepted_hours(evidence).get(stream, {})
    raw = _of(stream, evidence.runs(Stage.RAW))
    elsewhere = _of(stream, evidence.runs(Stage.KAFKA, Stage.BRONZE, *COUNTED))
    lost, gaps = _of(stream, evidence.lost), _of(stream, (*evidence.lost, *evidence.raw_gaps))
    found = Booking(max((end for held in hours.values() for _, end in held), default=0), [], [], [])
    for hour, accepted in sorted(hours.items()):
        nowhere = spans.subtract(spans.subtract(accepted, spans.merge([*raw, *elsewhere])), lost)
        found.lost.extend(_booked(hour, nowhere))
        not_in_raw = spans.subtract(spans.subtract(spans.intersect(accepted, elsewhere), raw), gaps)
        found.raw_gaps.extend(_booked(hour, not_in_raw))
        found.only_raw.extend(_booked(hour, spans.subtract(spans.intersect(accepted, raw), elsewhere)))
    return found


def _of(stream: Stream, runs: Iterable[Run]) -> Spans:
    return spans.merge(run.span for run in runs if run.stream == stream)


def _booked(hour: int, held: Spans) -> list[Booked]:
    return [Booked(hour, start, end - 1) for start, end in held]
