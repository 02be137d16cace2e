"""How large a difference is, for the gate before a promote.

In: a :class:`Difference`. Out: the largest relative change of any additive metric's total, in any currency.
"""

import math
from decimal import Decimal

from lakehouse.transform.diff.model import Difference, MetricChange


def largest_change(difference: Difference) -> MetricChange | None:
    """The total with the largest :func:`share`; None if none differs."""
    changed = [metric for metric in difference.metrics if metric.definition.additive and metric.change]
    return max(changed, key=share, default=None)


def share(metric: MetricChange) -> float:
    """The change, as a share of what was there before: 0.05 means 5 %. Infinite if it came from nothing."""
    if not metric.change:
        return 0.0
    return float(abs(Decimal(metric.change) / Decimal(metric.before))) if metric.before else math.inf
