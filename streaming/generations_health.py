"""The health of a process that feeds several generations: that of the worst one.

In: a :class:`Health` for each generation. Out: one report. Promise: a healthy generation never hides another that
hangs or fails.
"""

import threading
from datetime import timedelta
from typing import Any

from lakehouse.contracts.ids import GenerationNumber
from lakehouse.http.health import Health


class GenerationsHealth(Health):
    """Its own state counts while no generation is fed: as the process starts and waits."""

    def __init__(self, limit: timedelta) -> None:
        super().__init__(limit)
        self._each_limit = limit
        self._guard = threading.Lock()
        self._parts: dict[GenerationNumber, Health] = {}

    def of(self, generation: GenerationNumber) -> Health:
        """A new part, for a query that begins."""
        with self._guard:
            self._parts[generation] = Health(self._each_limit)
            return self._parts[generation]

    def forget(self, generation: GenerationNumber) -> None:
        with self._guard:
            self._parts.pop(generation, None)
            if not self._parts:
                self.beat("no generation of bronze is fed", ready=False)

    def report(self) -> dict[str, Any]:
        with self._guard:
            found = {generation: part.report() for generation, part in sorted(self._parts.items())}
        if not found:
            return super().report()
        reports = list(found.values())
        return {
            "healthy": all(report["healthy"] for report in reports),
            "ready": all(report["ready"] for report in reports),
            "state": _joined(found, "state"),
            "reason": _joined({number: report for number, report in found.items() if report["reason"]}, "reason"),
            "heartbeat_age_seconds": max(report["heartbeat_age_seconds"] for report in reports),
        }


def _joined(reports: dict[GenerationNumber, dict[str, Any]], name: str) -> str | None:
    """The texts of several generations, each with its number; a single one without."""
    if len(reports) == 1:
        return str(next(iter(reports.values()))[name])
    return "; ".join(f"generation {number}: {report[name]}" for number, report in reports.items()) or None
