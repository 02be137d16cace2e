"""How large a difference is, for the gate before a promote.

In: a :class:`Difference`. Out: the largest relative change of any additive metric's total, in any currency.
"""

import math
from decimal import Decimal

from lakehouse.releases.diff.model import Difference, MetricChange


def largest_change(difference: Difference) -> float:
    """0.0 if no total differs; infinite if one came from nothing. 0.05 means 5 %."""
    return max((share(metric) for metric in difference.metrics if metric.definition.additive), default=0.0)


def share(metric: MetricChange) -> float:
    """The change, as a share of what was there before."""
    if not metric.change:
        return 0.0
    return float(abs(Decimal(metric.change) / Decimal(metric.before))) if metric.before else math.inf
