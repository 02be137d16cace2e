"""Revisions: the values that one bucket of one metric has had, from its first final one on.

In: the releases up to one, a merchant, a bucket. Out: one entry where the value became final, and one for each release
that changed it since. Read from the history of values itself, so it cannot disagree with ``as_known_at``.

A release beyond retention is in the answer, too, as long as one within retention shows its gold version: else the body
would change with the clock, and a later value would pass for the first.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor

from api.schemas import Revision, RevisionsAnswer
from api.series.aggregation import Value
from api.series.buckets import SLOT, SLOT_MICROS, clock, local_stamps
from api.series.metric_series import MetricSeries, SeriesValues, series_of
from api.series.queries import RevisionsQuery
from api.serving.receipts import stamp
from api.serving.release_views import ReleaseView, ReleaseViews
from api.serving.runs import snapshots_at
from api.serving.table_cache import CachedTable
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.http.problems import BadParameterError
from lakehouse.releases.log import Published
from lakehouse.releases.restated import REASONS

FIRST_FINAL = "first_final"
"""The reason of the first entry: the bucket's end had been passed by ``complete_through``."""
OLDEST_KEPT = "oldest_kept"
"""The reason of the first entry where the bucket was final before, in releases whose gold version is gone."""


async def revisions_answer(
    release_views: ReleaseViews, view: ReleaseView, merchant: str, query: RevisionsQuery, threads: Executor
) -> RevisionsAnswer:
    end_micros = int(query.edges[-1]) * SLOT_MICROS
    releases = list(_from_final_on(release_views.timeline.through(view.published), end_micros))
    views = await release_views.history(releases)
    first_reason = FIRST_FINAL if views and views[0].published is releases[0] else OLDEST_KEPT
    series = _only_series([*views, view], merchant, query)
    revisions = await asyncio.get_running_loop().run_in_executor(
        threads, lambda: list(_changes(views, merchant, series, query, first_reason))
    )
    begin, end = local_stamps(clock(query.zone, query.grain), query.edges * SLOT)
    return RevisionsAnswer(
        merchant_id=merchant,
        metric=series.metric.name,
        unit=series.metric.unit,
        currency=series.currency,
        exponent=series.exponent,
        grain=query.grain,
        tz=query.zone.name,
        begin=begin,
        end=end,
        revisions=revisions,
        receipt=view.receipt,
    )


def _only_series(views: Iterable[ReleaseView], merchant: str, query: RevisionsQuery) -> MetricSeries:
    """The one series that all the views have. Amounts of several currencies are never summed, nor are those that only
    another gold version knew."""
    richest: dict[GoldVersionNumber, ReleaseView] = {}
    for view in sorted(views, key=lambda view: view.snapshot):
        richest[view.published.release.gold_version] = view  # rows are only ever added to a version
    found = {series for view in richest.values() for series in series_of(view, merchant, query.metric, query.currency)}
    if len(found) > 1:
        found -= {MetricSeries(query.metric, None)}
    if len(found) > 1:
        codes = ", ".join(sorted(str(series.currency) for series in found))
        raise BadParameterError("currency", f"is required, for the merchant has amounts in {codes}")
    return found.pop()


def _from_final_on(releases: Iterable[Published], end_micros: int) -> Iterator[Published]:
    """A release that was published before, but completes less (a rollback), does not make the value unfinal."""
    final = False
    for one in releases:
        final = final or (one.release.complete_through or -1) >= end_micros
        if final:
            yield one


def _changes(
    views: Iterable[ReleaseView], merchant: str, series: MetricSeries, query: RevisionsQuery, first_reason: str
) -> Iterator[Revision]:
    """Values are computed once for each snapshot that wrote rows of the bucket: those are few, and releases many."""
    computed: dict[tuple[GoldVersionNumber, bool, int], Value] = {}
    written: dict[CachedTable, list[int]] = {}
    first, end = int(query.edges[0]), int(query.edges[-1])
    last: Value = None
    for number, view in enumerate(views):
        table = view.tables.get(series.metric.table)
        newest: int = view.snapshot
        if table is not None:
            if table not in written:
                written[table] = snapshots_at(table.runs, merchant.encode(), first, end).tolist()
            newest = bisect_right(written[table], view.snapshot)
        key = (view.published.release.gold_version, table is None, newest)
        if key not in computed:
            computed[key] = SeriesValues(view, merchant, [series.metric], query.edges).of(series)[0]
        if number == 0 or computed[key] != last:
            last = computed[key]
            yield _revision(view.published, last, first_reason if number == 0 else None)


def _revision(published: Published, value: Value, reason: str | None) -> Revision:
    own = published.release.kind
    reason = reason or REASONS.get(own, own)
    return Revision(value, published.number, stamp(published.released_at), reason)  # type: ignore[arg-type]
