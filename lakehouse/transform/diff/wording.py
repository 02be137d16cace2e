"""Numbers and the verdict in words, for the text and for the page.

In: a :class:`Difference` or a part of it. Out: text. Pure.
"""

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lakehouse.contracts.currencies import EXPONENTS
from lakehouse.contracts.metrics import Unit
from lakehouse.transform.diff.model import Difference, MetricChange, Number, Side
from lakehouse.transform.diff.share import share

_VERDICT_METRICS = 4


def amount(value: Number, metric: MetricChange, *, signed: bool = False) -> str:
    """In the currency's major unit where it is money: ``1,234.50``."""
    if value is None:
        return "-"
    digits = _digits(metric)
    # Made of text, a Decimal is exact; its arithmetic keeps 28 digits only.
    whole = Decimal(f"{value}e-{digits}") if metric.definition.unit is Unit.MONEY else Decimal(value)
    return f"{whole:{'+' if signed and value else ''},.{digits}f}"


def change(metric: MetricChange) -> str:
    """With its sign."""
    return amount(metric.change, metric, signed=True)


def percent(metric: MetricChange) -> str:
    """The change as a share of what was there before."""
    found = share(metric)
    if math.isinf(found):
        return "new"
    return f"{math.copysign(found, metric.change) * 100:+.2f} %" if found else "0 %"


def percentage(part: float) -> str:
    """Without a sign; what is small keeps its digits: ``0.0021 %``."""
    percent = part * 100
    return f"{percent:.3g} %" if percent < 100 else f"{percent:,.0f} %"


def title(metric: MetricChange) -> str:
    return f"{metric.definition.title} ({metric.currency})" if metric.currency else metric.definition.title


def side(one: Side) -> str:
    found = f"gold version {one.gold_version} at snapshot {one.snapshot}"
    return f"release {one.release} ({found})" if one.release is not None else found


def consumed(difference: Difference) -> str:
    """What both sides have counted."""
    before, after = difference.before.bronze, difference.after.bronze
    if before.generation == after.generation:
        return f"at version {after.delta_version} of bronze generation {after.generation}"
    return (
        f"at the same Kafka offsets: version {before.delta_version} of bronze generation {before.generation}, version "
        f"{after.delta_version} of bronze generation {after.generation}"
    )


def verdict(difference: Difference) -> str:
    """One sentence: equal, or what changed in money."""
    if difference.equal:
        return "Equal: no table, no row and no metric differs."
    changed = [m for m in difference.metrics if m.definition.additive and m.differs]
    if not changed:
        return "No metric differs; " + _tables(difference) + "."
    money = [m for m in changed if m.definition.unit is Unit.MONEY] or changed
    largest = sorted(money, key=lambda m: (-share(m), m.metric, m.currency or ""))[:_VERDICT_METRICS]
    said = "; ".join(f"{title(m)} {change(m)} ({_relation(m)})" for m in largest)
    where = f"{_count(difference.merchants_affected, 'merchant')}, {_count(difference.hours_affected, 'hour')}"
    more = len(money) - len(largest)
    return f"Different: {said}{f'; and {more} more' if more else ''}. Affected: {where}."


def _relation(metric: MetricChange) -> str:
    """What a change is beside: changes that cancel each other out are named."""
    return percent(metric) if metric.change else f"{amount(metric.moved, metric)} moved, in sum nothing"


def _tables(difference: Difference) -> str:
    differing = [table.name for table in difference.tables if not table.equal]
    return f"{', '.join(differing)} {'differ' if len(differing) > 1 else 'differs'} otherwise"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _digits(metric: MetricChange) -> int:
    unit = metric.definition.unit
    if unit is Unit.MONEY:
        return EXPONENTS.get(metric.currency or "", 0)
    return 6 if unit is Unit.RATIO else 0


def printable(text: str) -> str:
    """What a merchant sent must not move the operator's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def cell(value: Any, longest: int = 60) -> str:
    """A value of a sample row, on one line."""
    text = "null" if value is None else str(value)
    if isinstance(value, datetime | date):
        text = value.isoformat()
    text = printable(text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 3] + "..."
