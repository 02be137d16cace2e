"""Two kinds of chart as SVG: bars on both sides of zero, and changes along the days.

In: labels and numbers. Out: SVG elements, with every text escaped; colours are classes of the page's style. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

_WIDTH, _LINE, _LABELS, _VALUES = 720, 24, 190, 170
_HEIGHT, _BOTTOM = 180, 22
_DAYS_AS_DAYS = 400


@dataclass(frozen=True)
class Bar:
    """``text`` is what the reader sees of the value."""

    label: str
    value: float
    text: str


def bars(rows: Sequence[Bar], name: str) -> str:
    """One line each; what grows goes to the right, what shrinks to the left."""
    largest = max((abs(row.value) for row in rows), default=0) or 1
    half = (_WIDTH - _LABELS - _VALUES) / 2
    zero = _LABELS + half
    parts = [f'<line class="zero" x1="{zero}" x2="{zero}" y1="0" y2="{len(rows) * _LINE}"/>']
    for place, row in enumerate(rows):
        top = place * _LINE
        long = max(abs(row.value) / largest * half, 1 if row.value else 0)
        left = zero - long if row.value < 0 else zero
        parts += [
            f'<rect class="{_sign(row.value)}" x="{left:.1f}" y="{top + 5}" width="{long:.1f}" height="14" rx="2"/>',
            f'<text class="label" x="{_LABELS - 8}" y="{top + 16}" text-anchor="end">{_short(row.label, 28)}</text>',
            f'<text x="{_WIDTH}" y="{top + 16}" text-anchor="end">{escape(row.text)}</text>',
        ]
    return _svg(parts, len(rows) * _LINE, name)


def days(points: Sequence[tuple[date, int]], texts: Sequence[str], name: str) -> str:
    """A column for each day on which something changed, at its place in time."""
    first, last = points[0][0], points[-1][0]
    span = (last - first).days + 1
    step = _WIDTH / span
    thick = max(step * 0.8, 1.5)
    high = max(*(value for _, value in points), 0)
    low = min(*(value for _, value in points), 0)
    scale = (_HEIGHT - _BOTTOM) / ((high - low) or 1)
    zero = high * scale
    parts = [f'<line class="zero" x1="0" x2="{_WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}"/>']
    for (day, value), text in zip(points, texts, strict=True):
        tall = max(abs(value) * scale, 1)
        top = zero - tall if value > 0 else zero
        left = (day - first).days * step
        parts.append(
            f'<rect class="{_sign(value)}" x="{left:.1f}" y="{top:.1f}" width="{thick:.1f}" height="{tall:.1f}">'
            f"<title>{escape(f'{day.isoformat()}: {text}')}</title></rect>"
        )
    parts.append(f'<text x="0" y="{_HEIGHT - 4}">{first.isoformat()}</text>')
    parts.append(f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{last.isoformat()}</text>')
    return _svg(parts, _HEIGHT, name)


def by_day_or_month(points: Sequence[tuple[date, int]]) -> tuple[str, list[tuple[date, int]]]:
    """``day`` and the same points; or ``month`` and one for each, where the days span more than can be seen."""
    if (points[-1][0] - points[0][0]).days <= _DAYS_AS_DAYS:
        return "day", list(points)
    found: dict[date, int] = {}
    for day, value in points:
        month = day.replace(day=1)
        found[month] = found.get(month, 0) + value
    return "month", list(found.items())


def _sign(value: float) -> str:
    return "less" if value < 0 else "more"


def _short(text: str, longest: int) -> str:
    return escape(text if len(text) <= longest else text[: longest - 3] + "...")


def _svg(parts: Sequence[str], height: int, name: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(name)}">{"".join(parts)}</svg>'
