"""The answer of `/metrics`: a function of a release, a merchant and a query, and of nothing else.

In: a :class:`ReleaseView`, a merchant, a checked query. Out: a :class:`MetricsAnswer`, to the byte the same whenever it
is asked for again (promise 4): no clock is looked at here.
"""

from msgspec import UNSET, UnsetType

from api.schemas import MetricsAnswer, Previous, Series
from api.series.buckets import SLOT, Buckets, local_stamps
from api.series.metric_series import MetricSeries, SeriesValues, series_of
from api.series.previous_period import shifted_back
from api.series.queries import MetricsQuery
from api.serving.integers import Ints
from api.serving.release_views import ReleaseView
from lakehouse.http.problems import BadParameterError


def metrics_answer(view: ReleaseView, merchant: str, query: MetricsQuery, max_values: int) -> MetricsAnswer:
    """Raises 400 where the answer would hold more than ``max_values``."""
    buckets = query.buckets
    found = [series for metric in query.metrics for series in series_of(view, merchant, metric, query.currency)]
    if len(found) * len(buckets) * (2 if query.compare else 1) > max_values:
        raise BadParameterError(
            "to", f"an answer holds at most {max_values} values; ask for less at once or a coarser `grain`"
        )
    through = view.published.release.complete_through
    return MetricsAnswer(
        merchant_id=merchant,
        grain=query.grain,
        tz=query.zone.name,
        begin=buckets.begin,
        end=buckets.end,
        starts=buckets.starts,
        final_buckets=buckets.ended_by(None if through is None else through // 10**6),
        series=(_compared if query.compare else _plain)(view, merchant, query, buckets, found),
        receipt=view.receipt,
    )


def _plain(
    view: ReleaseView, merchant: str, query: MetricsQuery, buckets: Buckets, found: list[MetricSeries]
) -> list[Series]:
    values = SeriesValues(view, merchant, query.metrics, buckets.edges)
    return [_answer(series, values) for series in found]


def _compared(
    view: ReleaseView, merchant: str, query: MetricsQuery, buckets: Buckets, found: list[MetricSeries]
) -> list[Series]:
    edges = shifted_back(buckets)
    begin, end = local_stamps(query.zone, edges[[0, -1]] * SLOT)
    now = SeriesValues(view, merchant, query.metrics, buckets.edges)
    before = SeriesValues(view, merchant, query.metrics, edges)
    return [_answer(series, now, Previous(begin, end, _known(before, series, edges))) for series in found]


def _known(values: SeriesValues, series: MetricSeries, edges: Ints) -> list[int | float | None]:
    """Values of the previous period; None for an hour that it did not have."""
    lengths = (edges[1:] - edges[:-1]).tolist()
    return [value if length else None for value, length in zip(values.of(series), lengths, strict=True)]  # type: ignore[misc]


def _answer(series: MetricSeries, values: SeriesValues, previous: Previous | UnsetType = UNSET) -> Series:
    metric = series.metric
    return Series(metric.name, metric.unit, series.currency, series.exponent, values.of(series), previous)  # type: ignore[arg-type]
