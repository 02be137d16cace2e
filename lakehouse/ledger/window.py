"""The acceptance hours that a reconciliation is asked for.

In: bounds as an operator writes them, days or instants. Out: whole hours, and the part of a verdict that is of these.
Promise: an hour within the bounds is judged as it would be without them.
"""

from dataclasses import dataclass, replace
from datetime import date

from lakehouse import instants
from lakehouse.errors import RefusedError
from lakehouse.ledger.judge import Verdict
from lakehouse.ledger.model import MICROSECONDS_PER_HOUR, hour_of, show_hour
from lakehouse.ledger.read_tables import day_of


@dataclass(frozen=True)
class Window:
    """Hours from ``first`` on, before ``end`` (None: all later ones)."""

    first: int = 0
    end: int | None = None

    @classmethod
    def of(cls, since: str | None, until: str | None) -> "Window":
        """An hour in which a bound lies is within. Raises :class:`RefusedError`."""
        first, end = instants.bound("since", since), instants.bound("until", until)
        if first is not None and end is not None and end <= first:
            raise RefusedError("until must be after since")
        return cls(
            hour_of(instants.to_micros(first)) if first else 0,
            -(-instants.to_micros(end) // MICROSECONDS_PER_HOUR) if end else None,
        )

    def has(self, hour: int) -> bool:
        return hour >= self.first and (self.end is None or hour < self.end)

    def has_day(self, day: date) -> bool:
        """Whether any of its hours may be within."""
        return day >= day_of(self.first) and (self.end is None or day <= day_of(self.end - 1))

    def part_of(self, verdict: Verdict) -> Verdict:
        return replace(
            verdict,
            hours=[line for line in verdict.hours if self.has(line.hour)],
            missing=[one for one in verdict.missing if self.has(one.hour)],
            doubled=[one for one in verdict.doubled if self.has(one.hour)],
            unproved=[one for one in verdict.unproved if self.has(one.hour)],
        )

    def document(self) -> dict[str, str | None]:
        return {
            "since": show_hour(self.first) if self.first else None,
            "until": None if self.end is None else show_hour(self.end),
        }

    def text(self) -> list[str]:
        """A line for people, where there are bounds."""
        named = [f"{name} {hour}" for name, hour in self.document().items() if hour]
        return [f"Only hours {' '.join(named)}."] if named else []


EVERYTHING = Window()
