"""What can be asked about a merchant's numbers, as frozen values. ``api.http.query`` reads them from a query string."""

from dataclasses import dataclass

from api.series.buckets import SLOT, Buckets, Grain, divide
from api.series.zones import Zone
from api.serving.integers import Ints
from lakehouse.contracts.metrics import Metric

_HOURS = {Grain.HOUR: 1, Grain.DAY: 23, Grain.WEEK: 167, Grain.MONTH: 671}
"""No bucket that is not clipped is shorter, but for clocks that are changed."""


@dataclass(frozen=True, eq=False)
class MetricsQuery:
    metrics: tuple[Metric, ...]
    zone: Zone
    grain: Grain
    first: int
    last: int
    currency: str | None
    compare: bool

    @property
    def size(self) -> int:
        """About how many values each series of each metric will hold, at most."""
        return most_buckets(self.grain, self.first, self.last)

    @property
    def buckets(self) -> Buckets:
        return divide(self.zone, self.grain, self.first, self.last)


@dataclass(frozen=True, eq=False)
class RevisionsQuery:
    """``edges`` are the two of the bucket."""

    metric: Metric
    zone: Zone
    grain: Grain
    edges: Ints
    currency: str | None


def most_buckets(grain: Grain, first: int, last: int) -> int:
    """About how many buckets the slots from ``first`` to ``last`` have, at most."""
    return (last - first) * SLOT // (_HOURS[grain] * 3600)
