"""A set of events together with the numbers that must come out: generated here, converted from real data in tests.

In: nothing but a seed and a span. Out: a :class:`Dataset`, and its NDJSON form that ``lakehouse replay`` reads (one
CloudEvent a line, the merchant in the attribute ``merchant``).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from lakehouse.simulate.cloudevents import CloudEvent, events_of
from lakehouse.simulate.shop import Shop, Visit
from lakehouse.simulate.truth import Truth, truth_of
from lakehouse.simulate.visits import shops, visits

MERCHANT_ATTRIBUTE = "merchant"
"""The attribute that names an event's merchant in a file; it is taken away before the event is sent."""


@dataclass(frozen=True)
class Dataset:
    """``events`` may be called again and gives the same; ``excluded`` counts source lines that no event stands for."""

    name: str
    events: Callable[[], Iterator[tuple[str, CloudEvent]]]
    truth: Truth
    excluded: Mapping[str, int] = field(default_factory=dict)


def simulated(*, seed: int, merchants: int, start: datetime, end: datetime, visits_per_day: float = 40.0) -> Dataset:
    """Generated merchants between two aware UTC instants; events are in the order of their time."""
    happened = [
        (shop, visit) for shop in shops(seed, merchants, visits_per_day) for visit in visits(shop, seed, start, end)
    ]
    return Dataset(f"simulated-{seed}", lambda: _in_time(happened), truth_of(happened))


def write_ndjson(dataset: Dataset, path: Path) -> int:
    """Writes the file that ``lakehouse replay`` reads; returns the number of its lines."""
    count = 0
    with path.open("wb") as file:
        for merchant_id, event in dataset.events():
            file.write(msgspec.json.encode({MERCHANT_ATTRIBUTE: merchant_id} | event) + b"\n")
            count += 1
    return count


def _in_time(happened: list[tuple[Shop, Visit]]) -> Iterator[tuple[str, CloudEvent]]:
    events = [(shop.merchant_id, event) for shop, visit in happened for event in events_of(shop, visit)]
    return iter(sorted(events, key=lambda pair: str(pair[1]["time"])))
