"""One figure over time, as a picture without any program: a line, and shaded spans in which something was different.

In: a :class:`Course`. Out: an SVG text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, log10

from bench.plot import text

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 360, 70, 20, 60, 50
_TICKS = 6
"""At most on each axis."""


@dataclass(frozen=True)
class Span:
    """In seconds from the beginning."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Course:
    """``points`` are seconds from the beginning, in order, and values."""

    what: str
    unit: str
    points: list[tuple[float, float]]
    spans: list[Span]


def picture(title: str, course: Course) -> str:
    across = _Axis(max(second for second, _ in course.points), _LEFT, _WIDTH - _RIGHT)
    up = _Axis(max(value for _, value in course.points), _HEIGHT - _BOTTOM, _TOP)
    line = " ".join(f"{across.at(second):.1f},{up.at(value):.1f}" for second, value in course.points)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            text(14, 22, title, 16),
            text(14, 44, f"{course.what} ({course.unit})", 13),
            *_spans(course.spans, across),
            *_grid(across, up),
            f'<polyline points="{line}" fill="none" stroke="#2a6f97" stroke-width="2"/>',
            "</svg>",
            "",
        ]
    )


@dataclass(frozen=True)
class _Axis:
    """From 0 to ``most``, drawn between two places."""

    most: float
    first: float
    last: float

    def at(self, value: float) -> float:
        return self.first + (self.last - self.first) * value / self._end

    @property
    def step(self) -> float:
        """1, 2 or 5, times a power of ten."""
        rough = (self.most or 1) / _TICKS
        power = 10.0 ** floor(log10(rough))
        return next(power * of for of in (1, 2, 5, 10) if power * of >= rough)

    @property
    def _end(self) -> float:
        return self.step * ceil((self.most or 1) / self.step)

    def ticks(self) -> Iterator[float]:
        return (self.step * number for number in range(round(self._end / self.step) + 1))


def _spans(spans: list[Span], across: _Axis) -> Iterator[str]:
    for span in spans:
        start, end = across.at(span.start), across.at(span.end)
        size = f'width="{end - start:.1f}" height="{_HEIGHT - _BOTTOM - _TOP}"'
        yield f'<rect x="{start:.1f}" y="{_TOP}" {size} fill="#c1666b" fill-opacity="0.2"/>'
        yield text((start + end) / 2, _TOP + 16, span.name, 12, "middle")


def _grid(across: _Axis, up: _Axis) -> Iterator[str]:
    for value in up.ticks():
        y = up.at(value)
        yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        yield text(_LEFT - 8, y + 4, f"{value:g}", 12, "end")
    for second in across.ticks():
        yield text(across.at(second), _HEIGHT - _BOTTOM + 18, f"{second:g}", 12, "middle")
    yield text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, "seconds", 12, "middle")
