"""What ``lakehouse bronze-to-raw`` would fill, for people and programs. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lakehouse.bronze_to_raw.bronze import Part
from lakehouse.ledger import raw_gaps, spans
from lakehouse.ledger.model import Stream, show_hour
from lakehouse.ledger.raw_gaps import Gaps
from lakehouse.ledger.spans import Spans
from lakehouse.verb_plan import VerbPlan

_MOST_NAMED = 20


@dataclass(frozen=True)
class Wanted:
    """What no raw file has of a part of bronze."""

    part: Part
    sequences: Spans


@dataclass(frozen=True)
class Filling:
    """``named`` are the gaps that nobody has noted as filled, ``missing`` those of them that neither raw files nor
    bronze have."""

    named: Gaps
    missing: Gaps
    wanted: list[Wanted]

    @property
    def events(self) -> int:
        return sum(spans.size(one.sequences) for one in self.wanted)

    def document(self) -> dict[str, Any]:
        return {
            "raw_gaps": raw_gaps.size(self.named),
            "in_bronze": self.events,
            "missing": [
                {
                    "edge": stream.edge,
                    "incarnation": stream.incarnation,
                    "first": one.first,
                    "last": one.last,
                    "hour": show_hour(one.hour),
                }
                for stream, booked in self.missing.items()
                for one in booked
            ],
        }

    def plan(self) -> VerbPlan:
        counts: Counter[Stream] = Counter()
        for one in self.wanted:
            counts[one.part.stream] += spans.size(one.sequences)
        steps = [
            f"{count:,} events of {'/'.join(stream)} are written from bronze as raw files, under their own positions"
            for stream, count in counts.items()
        ]
        first = f"{raw_gaps.size(self.named):,} events are named as raw gaps"
        return VerbPlan("bronze-to-raw", (first, *steps, *self.lines()), self.document())

    def lines(self) -> Iterator[str]:
        """What bronze lacks."""
        rows = [(stream, one) for stream, booked in self.missing.items() for one in booked]
        for stream, one in rows[:_MOST_NAMED]:
            yield f"bronze lacks {'/'.join(stream)}/{one.first}-{one.last}, accepted in {show_hour(one.hour)}"
        if len(rows) > _MOST_NAMED:
            yield f"... and {len(rows) - _MOST_NAMED} more; --format json names all of them"
