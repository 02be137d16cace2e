"""A difference as text, for people: the verdict first, then metrics, merchants, hours, tables and some rows.

In: a :class:`Difference`. Out: lines. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from lakehouse.transform.diff.model import Difference, MetricChange, RowSample, TableDifference
from lakehouse.transform.diff.wording import amount, cell, change, consumed, percent, printable, side, title, verdict

_SAMPLES = 5


def render(difference: Difference) -> str:
    """The whole text, with a line feed at its end."""
    head = [
        verdict(difference),
        f"before: {side(difference.before)}",
        f"after:  {side(difference.after)}",
        f"both {consumed(difference)}",
    ]
    parts = [head, list(_metrics(difference)), *_affected(difference), list(_tables(difference)), *_samples(difference)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _metrics(difference: Difference) -> Iterator[str]:
    rows = [
        (title(m), amount(m.before, m), amount(m.after, m), change(m), percent(m))
        for m in difference.metrics
        if m.differs
    ]
    same = len(difference.metrics) - len(rows)
    if rows:
        yield from _aligned([("metric", "before", "after", "change", ""), *rows], left=1)
    if same:
        yield f"({same} {'other ' if rows else ''}metrics are the same)"


def _affected(difference: Difference) -> Iterator[list[str]]:
    merchants = [(one.merchant_id, one.changes) for one in difference.merchants]
    hours = [(_hour(one.hour), one.changes) for one in difference.hours]
    for noun, rows, number in (
        ("merchant", merchants, difference.merchants_affected),
        ("hour (UTC)", hours, difference.hours_affected),
    ):
        if rows:
            more = [f"({number - len(rows):,} more)"] if number > len(rows) else []
            yield [*_listed(noun, rows), *more]


def _listed(noun: str, rows: Iterable[tuple[str, Sequence[MetricChange]]]) -> list[str]:
    lines = [(noun, "metric", "change", "moved")]
    for name, changes in rows:
        for place, each in enumerate(changes):
            lines.append((name if place == 0 else "", title(each), change(each), amount(each.moved, each)))
    return list(_aligned(lines, left=2))


def _tables(difference: Difference) -> Iterator[str]:
    rows = [_table(table) for table in difference.tables]
    if rows:
        yield from _aligned([("table", "added", "removed", "changed", "unchanged"), *rows], left=1)
    for table in difference.tables:
        if table.only:
            yield f"{table.name} is only {table.only}"
        for column in table.columns:
            yield f"{table.name}.{column.name}: {column.before or 'absent'} -> {column.after or 'absent'}"


def _table(table: TableDifference) -> tuple[str, ...]:
    rows = table.rows
    return (table.name, *(f"{number:,}" for number in (rows.added, rows.removed, rows.changed, rows.unchanged)))


def _samples(difference: Difference) -> Iterator[list[str]]:
    for table in difference.tables:
        if table.sample:
            rows = [line for row in table.sample[:_SAMPLES] for line in _sample(row)]
            yield [f"some rows of {table.name} that differ", *rows]


def _sample(row: RowSample) -> Iterator[str]:
    yield "  " + ", ".join(f"{name} {cell(value, 40)}" for name, value in row.key.items())
    before, after = row.before, row.after
    if before is None or after is None:
        yield f"    only {'after' if before is None else 'before'}"
        return
    for name, value in before.items():
        if value != after[name]:
            yield f"    {name}: {cell(value)} -> {cell(after[name])}"


def _hour(hour: datetime) -> str:
    return f"{hour:%Y-%m-%d %H:00}"


def _aligned(rows: Sequence[tuple[str, ...]], left: int) -> Iterator[str]:
    """Columns of equal width: the first ``left`` of them begin at the left, the others end at the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        yield printable("  ".join(cells)).rstrip()
