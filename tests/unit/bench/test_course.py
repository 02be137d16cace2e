"""The picture of a figure over time: the line and the spans lie where their seconds and values say."""

import re
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from bench.course import Course, Span, picture

SVG = "{http://www.w3.org/2000/svg}"
POINTS = st.lists(st.tuples(st.floats(0.1, 1e5), st.floats(0, 1e6)), min_size=2, max_size=50).map(sorted)


def drawn(course: Course) -> tuple[list[tuple[float, float]], list[float]]:
    """The line's points; where the spans begin and end."""
    root = ElementTree.fromstring(picture("a & b", course))
    (line,) = (found.get("points", "") for found in root.iter(f"{SVG}polyline"))
    shaded = [found for found in root.iter(f"{SVG}rect") if found.get("fill-opacity")]
    edges = [
        edge
        for span in shaded
        for edge in (float(span.get("x", "")), float(span.get("x", "")) + float(span.get("width", "")))
    ]
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", line)], edges


@given(POINTS)
def test_later_is_further_right_and_more_is_higher_and_all_is_inside(points: list[tuple[float, float]]) -> None:
    found, _ = drawn(Course("memory", "MiB", points, []))
    assert len(found) == len(points)
    assert all(70 <= x <= 840 and 60 <= y <= 310 for x, y in found)
    for ours, theirs in ((0, 1), (1, -1)):
        ordered = [place for _, place in sorted(zip(points, found, strict=True), key=lambda pair: pair[0][ours])]
        assert all(theirs * (b[ours] - a[ours]) >= -0.11 for a, b in pairwise(ordered))


def test_a_span_covers_the_samples_in_it() -> None:
    course = Course("memory", "MiB", [(0, 10), (240, 20), (360, 30), (600, 15)], [Span("Kafka <stopped>", 240, 360)])
    line, (start, end) = drawn(course)
    assert (start, end) == (line[1][0], line[2][0])
    assert "Kafka &lt;stopped&gt;" in picture("a", course)


def test_nothing_at_all_is_a_line_at_the_bottom() -> None:
    line, _ = drawn(Course("memory", "MiB", [(0, 0), (0, 0)], []))
    assert line == [(70, 310), (70, 310)]
