"""A difference as one HTML page with charts, complete in itself: no script, and nothing from another host.

In: a :class:`Difference`. Out: HTML, with every text escaped. Pure.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape

from lakehouse.contracts.metrics import Unit
from lakehouse.transform.diff.charts import Bar, bars, by_day_or_month, days
from lakehouse.transform.diff.model import Difference, MetricChange, RowSample
from lakehouse.transform.diff.share import share
from lakehouse.transform.diff.wording import amount, cell, change, consumed, percent, side, title, verdict

_STYLE = """
:root { color-scheme: light dark; --paper: #f6f7f6; --card: #fff; --ink: #17211f; --soft: #5d6b68; --line: #dfe5e3;
  --more: #0f766e; --less: #b42318; }
@media (prefers-color-scheme: dark) { :root { --paper: #101514; --card: #181f1e; --ink: #e7eeec; --soft: #93a29f;
  --line: #2b3533; --more: #2fb3a6; --less: #ff9b90; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 24px; display: grid; gap: 16px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px; overflow: auto; }
h1 { font-size: 20px; margin: 0 0 8px; } h2 { font-size: 15px; margin: 0 0 10px; }
p { margin: 4px 0; color: var(--soft); } .verdict { color: var(--ink); font-size: 17px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.n { text-align: right; } td { overflow-wrap: anywhere; }
svg { display: block; width: 100%; max-width: 900px; height: auto; overflow: visible; }
svg text { font-size: 12px; fill: var(--soft); } svg .label { fill: var(--ink); }
.zero { stroke: var(--soft); stroke-width: 1; } .more { fill: var(--more); } .less { fill: var(--less); }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(difference: Difference) -> str:
    """The whole page."""
    name = f"Gold version {difference.after.gold_version} compared with {side(difference.before)}"
    sections = [
        _head(difference, name),
        _metrics(difference),
        *_over_time(difference),
        *_merchants(difference),
        _affected("Most affected hours (UTC)", "hour", _hours(difference), difference.hours_affected),
        _tables(difference),
        *_samples(difference),
    ]
    body = "".join(f"<section>{section}</section>" for section in sections if section)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _head(difference: Difference, name: str) -> str:
    return (
        f'<h1>{escape(name)}</h1><p class="verdict">{escape(verdict(difference))}</p>'
        f"<p>Before: {escape(side(difference.before))}. After: {escape(side(difference.after))}. "
        f"Both {consumed(difference)}.</p>"
    )


def _metrics(difference: Difference) -> str:
    differing = [m for m in difference.metrics if m.differs]
    if not differing:
        return "<h2>Metrics</h2><p>All metrics are the same.</p>"
    shares = [(m, share(m)) for m in differing if m.definition.additive and m.change]
    largest = max((s for _, s in shares if not math.isinf(s)), default=1.0)
    chart = [Bar(title(m), math.copysign(min(s, largest), m.change), f"{change(m)} ({percent(m)})") for m, s in shares]
    rows = [(title(m), amount(m.before, m), amount(m.after, m), change(m), percent(m)) for m in differing]
    drawn = bars(chart, "Change of each metric in percent") if chart else ""
    return f"<h2>Metrics</h2>{drawn}{_table(('metric', 'before', 'after', 'change', ''), rows, left=1)}"


def _over_time(difference: Difference) -> Iterable[str]:
    """Where in time the most moved metric of each currency differs."""
    for shown in _most_moved(difference):
        by_day = [(day.day, value) for day in difference.days if (value := _change_of(day.changes, shown))]
        if by_day:
            grain, points = by_day_or_month(by_day)
            texts = [change(_with_change(shown, value)) for _, value in points]
            name = f"{title(shown)}: change by {grain}"
            yield f"<h2>{escape(name)}</h2>{days(points, texts, name)}"


def _merchants(difference: Difference) -> Iterable[str]:
    for shown in _most_moved(difference):
        found = [(one.merchant_id, _change_of(one.changes, shown)) for one in difference.merchants]
        chart = [Bar(name, value, change(_with_change(shown, value))) for name, value in found if value]
        if chart:
            name = f"{title(shown)}: change by merchant"
            yield f"<h2>{escape(name)}</h2>{bars(chart, name)}"
    rows = [(one.merchant_id, one.changes) for one in difference.merchants]
    yield _affected("Most affected merchants", "merchant", rows, difference.merchants_affected)


def _hours(difference: Difference) -> list[tuple[str, tuple[MetricChange, ...]]]:
    return [(f"{one.hour:%Y-%m-%d %H:00}", one.changes) for one in difference.hours]


def _affected(name: str, noun: str, rows: Sequence[tuple[str, tuple[MetricChange, ...]]], number: int) -> str:
    if not rows:
        return ""
    lines = [
        (who if place == 0 else "", title(each), change(each), amount(each.moved, each))
        for who, changes in rows
        for place, each in enumerate(changes)
    ]
    more = f"<p>{number:,} differ; the first {len(rows):,} are shown.</p>" if number > len(rows) else ""
    return f"<h2>{escape(name)}</h2>{more}{_table((noun, 'metric', 'change', 'moved'), lines, left=2)}"


def _tables(difference: Difference) -> str:
    rows = [
        (
            table.name,
            *(f"{n:,}" for n in (table.rows.added, table.rows.removed, table.rows.changed, table.rows.unchanged)),
        )
        for table in difference.tables
    ]
    columns = [
        (f"{table.name}.{column.name}", column.before or "absent", column.after or "absent")
        for table in difference.tables
        for column in table.columns
    ]
    only = "".join(f"<p>{escape(t.name)} is only {escape(t.only)}.</p>" for t in difference.tables if t.only)
    different = _table(("column", "type before", "type after"), columns, left=3) if columns else ""
    counts = _table(("table", "rows added", "removed", "changed", "unchanged"), rows, left=1)
    return f"<h2>Tables</h2>{counts}{only}{different}"


def _samples(difference: Difference) -> Iterable[str]:
    for table in difference.tables:
        if table.sample:
            rows = [_sample(row) for row in table.sample]
            yield f"<h2>Some rows of {escape(table.name)} that differ</h2>{_table(('key', 'difference'), rows, left=2)}"


def _sample(row: RowSample) -> tuple[str, str]:
    key = ", ".join(f"{name} {cell(value, 40)}" for name, value in row.key.items())
    before, after = row.before, row.after
    if before is None or after is None:
        return key, f"only {'after' if before is None else 'before'}"
    changed = [f"{n}: {cell(value)} -> {cell(after[n])}" for n, value in before.items() if value != after[n]]
    return key, "; ".join(changed)


def _most_moved(difference: Difference) -> list[MetricChange]:
    """The metric that moved most of each currency; of counts, only where no money moved."""
    additive = [m for m in difference.metrics if m.moved]
    money = [m for m in additive if m.definition.unit is Unit.MONEY] or additive
    found: dict[str | None, MetricChange] = {}
    for metric in money:
        if metric.currency not in found or (metric.moved or 0) > (found[metric.currency].moved or 0):
            found[metric.currency] = metric
    return list(found.values())


def _change_of(changes: Iterable[MetricChange], shown: MetricChange) -> int:
    wanted = (shown.metric, shown.currency)
    return next((int(each.change) for each in changes if (each.metric, each.currency) == wanted), 0)


def _with_change(shown: MetricChange, value: int) -> MetricChange:
    return MetricChange(shown.metric, shown.currency, 0, value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        marks = ("" if i < left else ' class="n"' for i in range(len(cells)))
        return "".join(f"<{tag}{mark}>{escape(text)}</{tag}>" for text, mark in zip(cells, marks, strict=True))

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{line('th', head)}</tr></thead><tbody>{body}</tbody></table>"
