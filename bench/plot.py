"""Bars with their spread, as a picture without any program: one panel for each figure and unit.

In: figures. Out: an SVG text.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from xml.sax.saxutils import escape

from bench.figures import Figure

_WIDTH, _LEFT, _RIGHT, _ROW, _HEAD = 860, 300, 110, 26, 34
_COLOURS = ("#2a6f97", "#c1666b", "#7a9e7e", "#b08968", "#6d597a")


def bars(title: str, figures: Iterable[Figure]) -> str:
    """Figures of the same name and unit share a panel and its scale."""
    ordered = sorted(figures, key=lambda figure: (figure.what, figure.unit))
    names = list(dict.fromkeys(figure.of for figure in figures))
    parts, y = [text(14, 22, title, 16)], 40
    for (what, unit), found in groupby(ordered, key=lambda figure: (figure.what, figure.unit)):
        panel = list(found)
        parts.append(text(14, y + 20, f"{what} ({unit})", 13))
        parts += _panel(panel, y + _HEAD, names)
        y += _HEAD + _ROW * len(panel) + 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{y}" fill="white"/>', *parts, "</svg>", ""])


def _panel(panel: Sequence[Figure], top: int, names: list[str]) -> list[str]:
    scale = (_WIDTH - _LEFT - _RIGHT) / (max(figure.value.most for figure in panel) or 1)
    parts = []
    for number, figure in enumerate(panel):
        y, value = top + number * _ROW, figure.value
        colour = _COLOURS[names.index(figure.of) % len(_COLOURS)]
        label = f"{figure.of}, {figure.at}" if figure.at else figure.of
        parts.append(text(_LEFT - 8, y + 14, label, 12, "end"))
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="{value.median * scale:.1f}" height="18" fill="{colour}"/>')
        middle = y + 9
        least, most = _LEFT + value.least * scale, _LEFT + value.most * scale
        parts.append(f'<path d="M{least:.1f} {middle}H{most:.1f}" stroke="#222" stroke-width="2"/>')
        parts.append(
            text(most + 8, y + 14, f"{value.median:,.3g}" if value.median < 100 else f"{value.median:,.0f}", 12)
        )
    return parts


def text(x: float, y: float, text: str, size: int, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
