"""Edges whose hours cannot be judged, and with which an operator promotes nevertheless, by name.

In: the names, and what the ledger has found unproved. Out: what is left that nobody has accepted, and what the release
records of the rest. Promise: an edge that was not named lets nothing through.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, Doubt, Stream, Unproved
from lakehouse.releases.model import AcceptedUnproved


@dataclass
class AcceptedEdges:
    """``names`` are edges, incarnations, or both as ``edge/incarnation``; ``found`` is what was unproved of these when
    the ledger was looked at last."""

    names: tuple[str, ...] = ()
    found: list[AcceptedUnproved] = field(default_factory=list)

    def not_accepted(self, unproved: Iterable[Unproved]) -> list[Unproved]:
        """Keeps what is accepted; returns the rest."""
        accepted: dict[tuple[Stream, Doubt], list[int]] = defaultdict(list)
        rest = []
        for one in unproved:
            if {one.edge, one.incarnation, "/".join(one.stream)} & set(self.names):
                accepted[one.stream, one.reason].append(one.hour * MICROSECONDS_PER_HOUR)
            else:
                rest.append(one)
        self.found = [
            AcceptedUnproved(*stream, str(reason), min(hours), max(hours), len(hours))
            for (stream, reason), hours in sorted(accepted.items())
        ]
        return rest
