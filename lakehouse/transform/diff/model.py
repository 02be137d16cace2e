"""What a comparison has found. ``before`` is what readers see, ``after`` is the candidate.

Money is in whole minor units. Changes are after less before; ``moved`` is the sum of the absolute changes of single
gold rows, so that changes that cancel each other out still show.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

from lakehouse.contracts.ids import GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.contracts.metrics import METRICS, Metric
from lakehouse.releases.model import BronzeCursor

_EXACT = Context(prec=100)
Number = int | Decimal | None
"""A metric's value: an integer, a ratio with 6 decimals, or None for 0/0."""


@dataclass(frozen=True)
class Side:
    """One of the two states. ``release`` is the one that shows this version, if it was asked for by its number."""

    gold_version: GoldVersionNumber
    snapshot: SnapshotNumber
    bronze: BronzeCursor
    release: ReleaseNumber | None = None


@dataclass(frozen=True)
class ColumnChange:
    """A column whose type differs; None where a side lacks it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class RowSample:
    """One row that differs, whole; None on the side that lacks it."""

    key: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True)
class RowCounts:
    """Rows by their keys. In gold, a row whose measures are all 0 is as good as none."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: "RowCounts") -> "RowCounts":
        return RowCounts(
            self.added + other.added,
            self.removed + other.removed,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
        )

    @property
    def differing(self) -> int:
        return self.added + self.removed + self.changed


@dataclass(frozen=True)
class TableDifference:
    """``name`` is ``layer.table``. ``only`` is ``before`` or ``after`` for a table that the other side lacks."""

    name: str
    columns: tuple[ColumnChange, ...]
    rows: RowCounts
    sample: tuple[RowSample, ...] = ()
    only: str | None = None

    @property
    def equal(self) -> bool:
        return not self.columns and not self.rows.differing and self.only is None


@dataclass(frozen=True)
class MetricChange:
    """A metric's total over all of history, or over those of one merchant's or hour's rows that differ. ``currency`` is
    None where it has none."""

    metric: str
    currency: str | None
    before: Number
    after: Number
    moved: int | None = None

    @property
    def definition(self) -> Metric:
        return METRICS[self.metric]

    @property
    def change(self) -> int | Decimal:
        """0/0 counts as 0 here."""
        after, before = self.after or 0, self.before or 0
        if isinstance(after, int) and isinstance(before, int):
            return after - before
        return _EXACT.subtract(Decimal(after), Decimal(before))

    @property
    def differs(self) -> bool:
        return self.before != self.after or bool(self.moved)


@dataclass(frozen=True)
class MerchantChange:
    """A merchant's additive metrics that differ, over the gold rows that do: ``rows`` of them."""

    merchant_id: str
    rows: int
    changes: tuple[MetricChange, ...]


@dataclass(frozen=True)
class HourChange:
    """A UTC hour's additive metrics that differ, over the gold rows of all merchants that do."""

    hour: datetime
    rows: int
    changes: tuple[MetricChange, ...]


@dataclass(frozen=True)
class DayChange:
    """A UTC day's additive metrics that differ, over the gold rows of all merchants that do."""

    day: date
    changes: tuple[MetricChange, ...]


@dataclass(frozen=True)
class Difference:
    """``merchants`` and ``hours`` hold the most affected, first the most; ``..._affected`` count all of them."""

    before: Side
    after: Side
    tables: tuple[TableDifference, ...] = ()
    metrics: tuple[MetricChange, ...] = ()
    merchants: tuple[MerchantChange, ...] = ()
    merchants_affected: int = 0
    hours: tuple[HourChange, ...] = ()
    hours_affected: int = 0
    days: tuple[DayChange, ...] = ()

    @property
    def equal(self) -> bool:
        return all(table.equal for table in self.tables) and not any(metric.differs for metric in self.metrics)


@dataclass(frozen=True)
class Limits:
    """How much is shown, and how much a query may hold: ``rows_per_query`` are those of both sides together. With
    ``only_metrics`` gold alone is compared, without a sample: enough for a gate."""

    top: int = 20
    sample: int = 10
    rows_per_query: int = 600_000
    merchants_at_once: int = 50_000
    only_metrics: bool = False
