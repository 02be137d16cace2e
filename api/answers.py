"""Answers of numbers: a function of a release, a merchant and a query, and of nothing else.

In: a :class:`ReleaseView`, a merchant, a checked query. Out: a :class:`MetricsAnswer`, to the byte the same whenever it
is asked for again (promise 4): no clock is looked at here.
"""

from api.buckets import SLOT, Buckets, local_stamps
from api.integers import Ints
from api.lines import Figures, Line, lines_of
from api.parameters import bad
from api.previous_period import shifted_back
from api.query import MetricsQuery
from api.schemas import MetricsAnswer, Previous, Series
from api.visible import ReleaseView


def metrics_answer(view: ReleaseView, merchant: str, query: MetricsQuery, max_values: int) -> MetricsAnswer:
    """Raises 400 where the answer would hold more than ``max_values``."""
    buckets = query.buckets
    lines = [line for metric in query.metrics for line in lines_of(view, merchant, metric, query.currency)]
    if len(lines) * len(buckets) * (2 if query.compare else 1) > max_values:
        raise bad("to", f"an answer holds at most {max_values} values; ask for less at once or a coarser `grain`")
    through = view.published.release.complete_through
    return MetricsAnswer(
        merchant_id=merchant,
        grain=query.grain,
        tz=query.zone.name,
        begin=buckets.begin,
        end=buckets.end,
        starts=buckets.starts,
        final_buckets=buckets.ended_by(None if through is None else through // 10**6),
        series=(_compared if query.compare else _plain)(view, merchant, query, buckets, lines),
        receipt=view.receipt,
    )


def _plain(view: ReleaseView, merchant: str, query: MetricsQuery, buckets: Buckets, lines: list[Line]) -> list[Series]:
    figures = Figures(view, merchant, query.metrics, buckets.edges)
    return [_series(line, figures) for line in lines]


def _compared(
    view: ReleaseView, merchant: str, query: MetricsQuery, buckets: Buckets, lines: list[Line]
) -> list[Series]:
    edges = shifted_back(buckets)
    begin, end = local_stamps(query.zone, edges[[0, -1]] * SLOT)
    now = Figures(view, merchant, query.metrics, buckets.edges)
    before = Figures(view, merchant, query.metrics, edges)
    return [_series(line, now, Previous(begin, end, _known(before, line, edges))) for line in lines]


def _known(figures: Figures, line: Line, edges: Ints) -> list[int | float | None]:
    """Values of the previous period; None for an hour that it did not have."""
    lengths = (edges[1:] - edges[:-1]).tolist()
    return [value if length else None for value, length in zip(figures.of(line), lengths, strict=True)]  # type: ignore[misc]


def _series(line: Line, figures: Figures, previous: Previous | None = None) -> Series:
    series = Series(line.metric.name, line.metric.unit, line.currency, line.exponent, figures.of(line))  # type: ignore[arg-type]
    if previous is None:
        return series
    return Series(series.metric, series.unit, series.currency, series.exponent, series.values, previous)
